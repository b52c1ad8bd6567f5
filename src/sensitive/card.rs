//! Numbers of payment cards.

/// Numbers that providers publish so that others can try their systems.
const TEST_NUMBERS: [&str; 11] = [
    "4242424242424242",
    "4111111111111111",
    "4012888888881881",
    "5555555555554444",
    "5105105105105100",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "30569309025904",
    "3530111333300000",
    "4000056655665556",
];

/// At least so many different digits.
const MIN_DIGITS: u32 = 4;

/// How long numbers of cards are.
pub(super) const LENGTHS: std::ops::RangeInclusive<usize> = 13..=16;

/// How digits are put in groups on cards.
const GROUPS: [&[usize]; 4] = [&[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 1]];

/// Whether groups of digits with one separator between them are one number.
pub(super) fn is_grouped(lengths: impl Iterator<Item = usize> + Clone) -> bool {
    GROUPS.iter().any(|groups| lengths.clone().eq(groups.iter().copied()))
}

/// Whether the digits are the number of a card.
pub(super) fn is_card(digits: &str) -> bool {
    let mut seen = [false; 10];
    digits.bytes().for_each(|digit| seen[usize::from(digit - b'0')] = true);
    let different = seen.iter().filter(|&&seen| seen).count() as u32;
    is_in_range(digits) && different >= MIN_DIGITS && has_check_digit(digits) && !TEST_NUMBERS.contains(&digits)
}

fn is_in_range(digits: &str) -> bool {
    let begins = |length: usize| digits.get(..length).and_then(|begin| begin.parse::<u32>().ok()).unwrap_or(0);
    let length = digits.len();
    match length {
        13 => begins(1) == 4,
        14 => matches!(begins(2), 36 | 38),
        15 => matches!(begins(2), 34 | 37),
        16 => {
            begins(1) == 4
                || matches!(begins(2), 51..=55 | 62 | 65)
                || (2221..=2720).contains(&begins(4))
                || begins(4) == 6011
                || (644..=649).contains(&begins(3))
                || (3528..=3589).contains(&begins(4))
        }
        _ => false,
    }
}

/// Luhn's check (ISO/IEC 7812-1).
fn has_check_digit(digits: &str) -> bool {
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| (place, u32::from(digit - b'0')))
        .map(|(place, digit)| if place % 2 == 1 { doubled(digit) } else { digit })
        .sum();
    sum.is_multiple_of(10)
}
