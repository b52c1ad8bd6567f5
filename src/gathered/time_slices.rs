//! What was logged about many subjects and is too much to be sorted at once: dealt out by subject and time to slices that can be,
//! which are packed, and put aside where there is a memory limit.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::slice::ParallelSliceMut as _;

use crate::frame::{SpillError, SpillStore};

use super::packed_block::PackedBlock;

/// What is logged and shown again by subject and time.
pub(crate) trait Logged: Sized + std::fmt::Debug {
    /// What those have in common that are shown together: the target of calls, the topic of messages.
    type Subject: Copy + Ord + std::fmt::Debug;
    /// Packs some.
    type Packer: Default + std::fmt::Debug;

    /// So many are packed together, of a slice: that of which less is packed is not put aside.
    const PER_BLOCK: usize;

    /// Its subject.
    fn subject(&self) -> Self::Subject;

    /// Start in ns since 1970.
    fn start(&self) -> i64;

    /// Puts all in the order in which they are shown: by subject, then start, and so on.
    fn sort(all: &mut [Self]);

    /// Adds it to what is packed.
    fn pack(&self, packer: &mut Self::Packer);

    /// Takes out what is packed.
    fn block_of(packer: &mut Self::Packer) -> Box<[u8]>;

    /// Hands over what was packed.
    fn unpack(block: &[u8], take: impl FnMut(Self));
}

/// Puts items in the order of keys, which are shorter than they are: keys are compared and moved often, each item once.
pub(super) fn sort_by_short_keys<T, K: Ord + Send>(items: &mut [T], key: impl Fn(&T) -> K) {
    let mut order: Vec<(K, usize)> = items.iter().map(key).zip(0..).collect();
    order.par_sort_unstable();
    for first in 0..items.len() {
        // Each place takes the item that belongs there, and leaves its own to whoever took that one's place, around the circle.
        let mut place = first;
        loop {
            let from = std::mem::replace(&mut order[place].1, place);
            if from == first {
                break;
            }
            items.swap(place, from);
            place = from;
        }
    }
}

/// All that was logged about one subject, in the order in which it is shown.
#[derive(Debug)]
pub(crate) struct OfSubject<'a, L: Logged> {
    /// The subject.
    pub(crate) subject: L::Subject,
    source: Source<'a, L>,
}

#[derive(Debug)]
enum Source<'a, L: Logged> {
    InMemory(&'a [L]),
    Slices(&'a TimeSlices<L>, Range<usize>),
}

impl<L: Logged> OfSubject<'_, L> {
    /// Shows each. It may be asked for several times.
    pub(crate) fn for_each(&self, mut show: impl FnMut(&L)) {
        match &self.source {
            Source::InMemory(all) => all.iter().for_each(show),
            Source::Slices(slices, range) => {
                for slice in range.clone() {
                    of_subject(&slices.sorted(slice), self.subject).iter().for_each(&mut show);
                }
            }
        }
    }

    /// Shows all, many at once, while other threads bring back the next. It may be asked for several times.
    pub(crate) fn for_each_chunk(&self, mut show: impl FnMut(&[L]) + Send)
    where
        L: Send + Sync,
        L::Subject: Send + Sync,
        L::Packer: Sync,
    {
        match &self.source {
            Source::InMemory(all) => show(all),
            Source::Slices(slices, range) => {
                let mut next = slices.sorted(range.start);
                for behind in range.start + 1..=range.end {
                    let bring_back = || if behind < range.end { slices.sorted(behind) } else { Vec::new() };
                    let chunk = std::mem::take(&mut next);
                    (next, ()) = rayon::join(bring_back, || show(of_subject(&chunk, self.subject)));
                }
            }
        }
    }
}

/// Those of one subject, of some in their order.
fn of_subject<L: Logged>(sorted: &[L], subject: L::Subject) -> &[L] {
    let rest = &sorted[sorted.partition_point(|logged| logged.subject() < subject)..];
    &rest[..rest.partition_point(|logged| logged.subject() == subject)]
}

/// Sorts what is in memory, and shows what there is about each subject, in the order of subjects.
pub(super) fn for_each_subject<L: Logged>(mut all: Vec<L>, mut show: impl FnMut(&OfSubject<'_, L>)) {
    L::sort(&mut all);
    for all in all.chunk_by(|left, right| left.subject() == right.subject()) {
        show(&OfSubject { subject: all[0].subject(), source: Source::InMemory(all) });
    }
}

/// However many threads there are, blocks have so many.
const LEAST_PER_BLOCK: usize = 32;

/// Where a slice begins.
type Place<L> = (<L as Logged>::Subject, i64);

/// Places, evenly over all, by which slices are cut.
#[derive(Debug)]
pub(super) struct Sample<L: Logged> {
    /// All subjects, ascending.
    subjects: BTreeSet<L::Subject>,
    places: Vec<Place<L>>,
    /// Of so many one is kept.
    every: usize,
    seen: usize,
}

impl<L: Logged> Default for Sample<L> {
    fn default() -> Self {
        Self { subjects: BTreeSet::new(), places: Vec::new(), every: 1, seen: 0 }
    }
}

/// So many places are kept at most.
const MOST_PLACES: usize = 1 << 16;

impl<L: Logged> Sample<L> {
    pub(super) fn take(&mut self, logged: &L) {
        let subject = logged.subject();
        // Nearly always it is the one before.
        if self.subjects.last() != Some(&subject) {
            self.subjects.insert(subject);
        }
        if self.seen.is_multiple_of(self.every) {
            self.places.push((subject, logged.start()));
        }
        self.seen += 1;
        if self.places.len() == MOST_PLACES {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let mut number = 0usize;
        self.places.retain(|_| {
            number += 1;
            number % 2 == 1
        });
        self.every *= 2;
    }

    /// Takes in another one.
    pub(super) fn merge(mut self, mut other: Self) -> Self {
        while self.every < other.every {
            self.halve();
        }
        while other.every < self.every {
            other.halve();
        }
        self.subjects.append(&mut other.subjects);
        self.places.append(&mut other.places);
        self.seen += other.seen;
        self
    }
}

/// Slices of what was logged.
#[derive(Debug)]
pub(super) struct TimeSlices<L: Logged> {
    subjects: BTreeSet<L::Subject>,
    /// Where each slice but the first begins.
    starts: Vec<Place<L>>,
    /// What does not fill a block yet, by slice, and how many that are.
    pending: Vec<(L::Packer, usize)>,
    per_block: usize,
    blocks: Vec<Vec<PackedBlock>>,
    store: Option<Arc<SpillStore>>,
    failure: Mutex<Option<SpillError>>,
}

impl<L: Logged> TimeSlices<L> {
    /// Empty slices for about so many each.
    pub(super) fn new(mut sample: Sample<L>, items_per_slice: usize, store: Option<&Arc<SpillStore>>) -> Self {
        sample.places.sort_unstable();
        let slices = sample.seen.div_ceil(items_per_slice.max(1)).max(1);
        let places = &sample.places;
        let mut starts: Vec<Place<L>> = (1..slices).map(|slice| places[slice * places.len() / slices]).collect();
        starts.dedup();
        let slices = starts.len() + 1;
        Self {
            subjects: sample.subjects,
            starts,
            pending: (0..slices).map(|_| Default::default()).collect(),
            per_block: L::PER_BLOCK,
            blocks: vec![Vec::new(); slices],
            store: store.cloned(),
            failure: Mutex::default(),
        }
    }

    /// Slices that begin at the same places, for one of all threads: together they do not fill more blocks than one would.
    pub(super) fn emptied(&self) -> Self {
        Self {
            subjects: self.subjects.clone(),
            starts: self.starts.clone(),
            pending: self.blocks.iter().map(|_| Default::default()).collect(),
            per_block: (L::PER_BLOCK / rayon::current_num_threads()).max(LEAST_PER_BLOCK),
            blocks: vec![Vec::new(); self.blocks.len()],
            store: self.store.clone(),
            failure: Mutex::default(),
        }
    }

    /// Takes in slices that begin at the same places.
    pub(super) fn merge(&mut self, mut other: Self) {
        other.pack_all();
        self.blocks.iter_mut().zip(&mut other.blocks).for_each(|(own, other)| own.append(other));
    }

    fn slice_of(&self, place: Place<L>) -> usize {
        self.starts.partition_point(|&start| start <= place)
    }

    /// Adds one.
    pub(super) fn push(&mut self, logged: &L) {
        let slice = self.slice_of((logged.subject(), logged.start()));
        let (packer, packed) = &mut self.pending[slice];
        logged.pack(packer);
        *packed += 1;
        if *packed >= self.per_block {
            self.pack(slice);
        }
    }

    fn pack(&mut self, slice: usize) {
        let (packer, packed) = &mut self.pending[slice];
        if std::mem::take(packed) == 0 {
            return;
        }
        let mut block = PackedBlock::new(L::block_of(packer));
        if let Some(store) = &self.store
            && store.grow(block.bytes_in_memory() as u64)
        {
            block.put_aside(store);
        }
        self.blocks[slice].push(block);
    }

    fn pack_all(&mut self) {
        (0..self.pending.len()).for_each(|slice| self.pack(slice));
        self.pending = Vec::new();
    }

    /// Shows what there is about each subject, in the order of subjects.
    ///
    /// # Errors
    /// If something that was put aside cannot be brought back.
    pub(super) fn for_each_subject(mut self, mut show: impl FnMut(&OfSubject<'_, L>)) -> Result<(), SpillError> {
        self.pack_all();
        let mut loaded = (usize::MAX, Vec::new());
        for &subject in &self.subjects {
            let range = self.slice_of((subject, i64::MIN))..self.slice_of((subject, i64::MAX)) + 1;
            let source = if range.len() == 1 {
                if loaded.0 != range.start {
                    loaded = (range.start, self.sorted(range.start));
                }
                Source::InMemory(of_subject(&loaded.1, subject))
            } else {
                loaded = (usize::MAX, Vec::new());
                Source::Slices(&self, range)
            };
            show(&OfSubject { subject, source });
        }
        let failure = self.failure.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        failure.map_or(Ok(()), Err)
    }

    /// What is in a slice, in its order. What cannot be brought back is missing, and told when all was shown.
    fn sorted(&self, slice: usize) -> Vec<L> {
        let mut all = Vec::new();
        for block in &self.blocks[slice] {
            match block.bytes() {
                Ok(bytes) => L::unpack(&bytes, |logged| all.push(logged)),
                Err(failure) => {
                    self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
                }
            }
        }
        L::sort(&mut all);
        all
    }
}

impl<L: Logged> Drop for TimeSlices<L> {
    fn drop(&mut self) {
        let bytes: usize = self.blocks.iter().flatten().map(PackedBlock::bytes_in_memory).sum();
        if let Some(store) = &self.store {
            store.shrink(bytes as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Items come in the order of their keys, whatever circles they go around in, and each comes once.
        #[test]
        fn short_keys_sort(keys in proptest::collection::vec(0..50u32, 0..100)) {
            let mut items: Vec<(u32, usize)> = keys.iter().copied().zip(0..).collect();
            let mut expected = items.clone();
            expected.sort_unstable();
            sort_by_short_keys(&mut items, |&item| item);
            prop_assert_eq!(&items, &expected);
            items.reverse();
            sort_by_short_keys(&mut items, |&(key, place)| (key, std::cmp::Reverse(place)));
            expected.sort_unstable_by_key(|&(key, place)| (key, std::cmp::Reverse(place)));
            prop_assert_eq!(items, expected);
        }
    }
}
