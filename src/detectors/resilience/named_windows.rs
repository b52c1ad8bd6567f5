//! Calls or requests served, and those of them that are looked for, by what names them and ten seconds: when what is looked for
//! was at its worst.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::window_counts::{Peak, WindowCounts};
use crate::detectors::kit::Seen;
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, TraceNumber, columns};
use crate::savings::Unsettled;

/// What names that which is counted.
pub(super) type Names = [Symbol; 3];

/// The worst window of each that has one.
pub(crate) type NamedPeaks = HashMap<Names, Peak, FixedState>;

/// Counts of all and of those that are looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamedWindows(WindowCounts<Names>);

impl NamedWindows {
    /// Counts `all` at `time` (ns since 1970), of which so many are looked for.
    pub(super) fn add(&mut self, names: Names, time: i64, all: u32, looked_for: u32) {
        self.0.add(names, time, u64::from(all), u64::from(looked_for));
    }

    /// The same in the window of this number.
    pub(super) fn add_in(&mut self, names: Names, window: i64, all: u64, looked_for: u64) {
        self.0.add_in(names, window, all, looked_for);
    }

    /// Names, the number of a window, and in it all and those that are looked for.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Names, i64, u64, u64)> {
        self.0.iter()
    }

    /// The worst window of each.
    pub(super) fn peaks(&self) -> NamedPeaks {
        self.0.peaks()
    }
}

impl Seen for NamedWindows {
    fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut windows: Vec<_> = self.0.iter().collect();
        windows.sort_unstable();
        let mut columns = WindowColumns::default();
        for ([first, second, third], window, all, looked_for) in windows {
            columns.push(WindowRow { first, second, third, window, all, looked_for });
        }
        columns.write("", group);
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let columns = WindowColumns::read("", group)?;
        let mut windows = Self::default();
        for row in 0..group.len() {
            let names = [columns.first[row], columns.second[row], columns.third[row]];
            windows.0.add_in(names, columns.window[row], columns.all[row], columns.looked_for[row]);
        }
        Ok(windows)
    }
}

columns! {
    /// Counts of one window.
    struct WindowRow in WindowColumns {
        first: Symbol,
        second: Symbol,
        third: Symbol,
        window: i64,
        all: u64,
        looked_for: u64,
    }
}
