//! Numbers in as many bytes as they need, as in Protocol Buffers: small ones take a byte, and signed ones are zigzag.

/// A time in whole units of so many ns. Those that clocks have are named one by one: by what the compiler knows it divides several
/// times as fast, and every call and every span has some times.
pub(super) fn in_units(time_ns: i64, unit_ns: i64) -> i64 {
    match unit_ns {
        1 => time_ns,
        1_000 => time_ns / 1_000,
        1_000_000 => time_ns / 1_000_000,
        _ => time_ns / unit_ns,
    }
}

/// Takes numbers.
#[derive(Debug, Default)]
pub(super) struct Packer(pub(super) Vec<u8>);

impl Packer {
    /// Adds a number.
    pub(super) fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Adds a number that may be below zero.
    pub(super) fn signed(&mut self, number: i64) {
        self.number((number << 1 ^ number >> 63) as u64);
    }
}

/// Gives the numbers back in the same order, zeros where there are no more.
pub(super) struct Unpacker<'a>(pub(super) &'a [u8]);

impl Unpacker<'_> {
    /// The next byte.
    pub(super) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// The next eight bytes.
    pub(super) fn word(&mut self) -> [u8; 8] {
        std::array::from_fn(|_| self.byte())
    }

    /// The next number. Nearly all have few bytes.
    pub(super) fn number(&mut self) -> u64 {
        match *self.0 {
            [first, ref rest @ ..] if first < 0x80 => {
                self.0 = rest;
                first.into()
            }
            [first, second, ref rest @ ..] if second < 0x80 => {
                self.0 = rest;
                u64::from(first & 0x7f) | u64::from(second) << 7
            }
            [first, second, third, ref rest @ ..] if third < 0x80 => {
                self.0 = rest;
                u64::from(first & 0x7f) | u64::from(second & 0x7f) << 7 | u64::from(third) << 14
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        number
    }

    /// The next number that may be below zero.
    pub(super) fn signed(&mut self) -> i64 {
        let number = self.number();
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }
}
