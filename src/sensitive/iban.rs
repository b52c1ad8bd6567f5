//! Numbers of bank accounts.

/// Countries and how long their numbers are (the registry of SWIFT, ISO 13616).
const LENGTHS: [(&[u8; 2], usize); 77] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SC", 31),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"XK", 20),
];

/// Where the number ends that begins at `at`, with the letters of its country: written in one, or in fours with spaces between.
pub(super) fn end_of_iban(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let country = bytes.get(at..at + 2)?;
    let (_, length) = LENGTHS.iter().find(|(known, _)| known[..] == *country)?;
    let is_part = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    let (mut digits, mut remainder) = (0usize, 0u32);
    let mut number = [0u8; 34];
    let mut place = at;
    let is_spaced = bytes.get(at + 4) == Some(&b' ');
    while digits < *length {
        if is_spaced && digits > 0 && digits.is_multiple_of(4) {
            if bytes.get(place) != Some(&b' ') {
                return None;
            }
            place += 1;
        }
        number[digits] = *bytes.get(place).filter(|&&byte| is_part(byte))?;
        digits += 1;
        place += 1;
    }
    let is_whole = bytes.get(place).is_none_or(|&byte| !byte.is_ascii_alphanumeric() && byte != b'_');
    // Country and check digits are counted last.
    for &byte in number[4..*length].iter().chain(&number[..4]) {
        let value = if byte.is_ascii_digit() { u32::from(byte - b'0') } else { u32::from(byte - b'A') + 10 };
        remainder = if value > 9 { remainder * 100 + value } else { remainder * 10 + value } % 97;
    }
    (is_whole && remainder == 1).then_some(place)
}
