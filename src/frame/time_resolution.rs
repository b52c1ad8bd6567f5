//! How fine the times of the input are.

/// How fine the start times are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TimeResolution {
    has_parts_of_ms: bool,
    has_parts_of_us: bool,
}

impl TimeResolution {
    pub(super) fn see(&mut self, start: i64) {
        if !self.has_parts_of_us {
            self.has_parts_of_us = start % 1_000 != 0;
            self.has_parts_of_ms |= start % 1_000_000 != 0;
        }
    }

    /// The finer of the two.
    pub(crate) fn merge(&mut self, other: Self) {
        self.has_parts_of_ms |= other.has_parts_of_ms;
        self.has_parts_of_us |= other.has_parts_of_us;
    }

    /// How far apart times may lie by rounding alone, in ns: a millisecond or a microsecond if all start times are whole
    /// ones (Jaeger and Zipkin record microseconds, some stores milliseconds), else nothing.
    pub(crate) fn tolerance_ns(self) -> i64 {
        match (self.has_parts_of_ms, self.has_parts_of_us) {
            (_, true) => 0,
            (true, false) => 1_000,
            (false, false) => 1_000_000,
        }
    }
}
