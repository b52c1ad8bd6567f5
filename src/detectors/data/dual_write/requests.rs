//! Requests that write to a database, and those of them that publish messages too.

use arrow::error::ArrowError;
use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::detectors::kit::Seen;
use crate::findings::{Example, TraceCount};
use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, Named as _, TraceNumber, columns};
use crate::savings::Unsettled;

use super::verdict::Order;

/// Service, operation, database, topic.
pub(super) type PairKey = [Symbol; 4];

/// Service, operation, database.
pub(super) type WriteKey = [Symbol; 3];

/// Requests that write to a database without an outbox.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Writing {
    /// All of them.
    pub(super) requests: u64,
    /// Those that a message asked for.
    pub(super) of_consumers: u64,
}

/// Number of orders.
const ORDERS: usize = Order::ALL.len();

/// Requests that write to a database and publish to a topic, without an outbox.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// All of them.
    pub(super) requests: u64,
    /// Those that a message asked for.
    pub(super) of_consumers: u64,
    /// Those in which a write stayed and no message was published.
    pub(super) lost: u64,
    /// Those in which a message was published and no write stayed.
    pub(super) ghost: u64,
    /// How many published when, by number of [`Order`].
    pub(super) orders: [u64; ORDERS],
    /// Traces with such requests.
    pub(super) traces: TraceCount,
    /// A request that lost something or told of nothing; of the others if there is none.
    pub(super) example: Example,
    /// Whether it did.
    pub(super) example_is_bad: bool,
}

impl Pair {
    fn merge(&mut self, other: Self) {
        self.requests += other.requests;
        self.of_consumers += other.of_consumers;
        self.lost += other.lost;
        self.ghost += other.ghost;
        self.orders.iter_mut().zip(other.orders).for_each(|(own, other)| *own += other);
        self.traces.merge(other.traces);
        if self.example_is_bad == other.example_is_bad {
            self.example = self.example.clone().first(other.example);
        } else if other.example_is_bad {
            (self.example, self.example_is_bad) = (other.example, true);
        }
    }

    /// When most of them publish, ties by name.
    pub(super) fn order(&self) -> Order {
        let most = (0..ORDERS).max_by_key(|&order| (self.orders[order], std::cmp::Reverse(order)));
        Order::ALL[most.unwrap_or_default()]
    }
}

/// Requests of all traces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests {
    pub(super) writing: HashMap<WriteKey, Writing, FixedState>,
    /// By key, and by whether CLIENT spans publish or PRODUCER spans: which of both counts is known at the end.
    pub(super) pairs: HashMap<(PairKey, bool), Pair, FixedState>,
    /// Topics to which these requests publish or from which they come.
    pub(super) topics: HashSet<Symbol, FixedState>,
    /// Services and topics to which CLIENT spans of theirs publish.
    pub(super) client_topics: HashSet<[Symbol; 2], FixedState>,
    /// Services that use an outbox.
    pub(super) with_outbox: HashSet<Symbol, FixedState>,
}

impl Requests {
    pub(super) fn add_writing(&mut self, key: WriteKey, writing: Writing) {
        let own = self.writing.entry(key).or_default();
        own.requests += writing.requests;
        own.of_consumers += writing.of_consumers;
    }

    /// Whether publishes of CLIENT spans, or else of PRODUCER spans, are what counts: where a service sends to a topic as a client, its
    /// PRODUCER spans only made the message. What others do says nothing, because they may be instrumented otherwise.
    pub(super) fn counts(&self, [service, _, _, topic]: &PairKey, by_client: bool) -> bool {
        self.client_topics.contains(&[*service, *topic]) == by_client
    }

    pub(super) fn add_pair(&mut self, key: PairKey, by_client: bool, pair: Pair) {
        match self.pairs.get_mut(&(key, by_client)) {
            Some(known) => known.merge(pair),
            None => _ = self.pairs.insert((key, by_client), pair),
        }
    }
}

impl Seen for Requests {
    fn merge(&mut self, other: Self) {
        other.writing.into_iter().for_each(|(key, writing)| self.add_writing(key, writing));
        other.pairs.into_iter().for_each(|((key, by_client), pair)| self.add_pair(key, by_client, pair));
        self.topics.extend(other.topics);
        self.client_topics.extend(other.client_topics);
        self.with_outbox.extend(other.with_outbox);
    }

    fn renumber_traces(&mut self, _rank_of: &(dyn Fn(TraceNumber) -> TraceNumber + Sync)) {}

    fn bytes(&self) -> usize {
        self.writing.capacity() * size_of::<(WriteKey, Writing)>()
            + self.pairs.capacity() * size_of::<((PairKey, bool), Pair)>()
            + (self.topics.capacity() + 2 * self.client_topics.capacity() + self.with_outbox.capacity())
                * size_of::<Symbol>()
    }

    fn unsettled(&mut self) -> Option<Unsettled<'_>> {
        None
    }

    fn write(&self, group: &mut GroupWriter<'_>) {
        let mut writing: Vec<(&WriteKey, &Writing)> = self.writing.iter().collect();
        writing.sort_unstable_by_key(|&(key, _)| key);
        let mut written = WritingColumns::default();
        for (&[service, operation, database], &Writing { requests, of_consumers }) in writing {
            written.push(WritingRow { service, operation, database, requests, of_consumers });
        }
        written.write("", group);

        let mut pairs: Vec<(&(PairKey, bool), &Pair)> = self.pairs.iter().collect();
        pairs.sort_unstable_by_key(|&(key, _)| key);
        let mut written = PairColumns::default();
        for (&([service, operation, database, topic], by_client), pair) in pairs {
            let [after_commit, before_commit, publish_first, write_first] = pair.orders;
            written.push(PairRow {
                service,
                operation,
                database,
                topic,
                by_client,
                requests: pair.requests,
                of_consumers: pair.of_consumers,
                lost: pair.lost,
                ghost: pair.ghost,
                after_commit,
                before_commit,
                publish_first,
                write_first,
                traces: pair.traces,
                example: pair.example.clone(),
                example_is_bad: pair.example_is_bad,
            });
        }
        group.beside(PAIRS, |group| written.write("", group));
        let mut client_topics: Vec<[Symbol; 2]> = self.client_topics.iter().copied().collect();
        client_topics.sort_unstable();
        group.beside(CLIENT_TOPICS, |group| client_topics.concat().write(SYMBOL, group));
        let sets = [(TOPICS, &self.topics), (WITH_OUTBOX, &self.with_outbox)];
        for (name, symbols) in sets {
            let mut symbols: Vec<Symbol> = symbols.iter().copied().collect();
            symbols.sort_unstable();
            group.beside(name, |group| symbols.write(SYMBOL, group));
        }
    }

    fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let mut requests = Self::default();
        let read = WritingColumns::read("", group)?;
        for row in 0..read.requests.len() {
            let writing = Writing { requests: read.requests[row], of_consumers: read.of_consumers[row] };
            requests.add_writing([read.service[row], read.operation[row], read.database[row]], writing);
        }
        let read = group.beside(PAIRS, |group| PairColumns::read("", group))?;
        for row in 0..read.requests.len() {
            let key = [read.service[row], read.operation[row], read.database[row], read.topic[row]];
            let pair = Pair {
                requests: read.requests[row],
                of_consumers: read.of_consumers[row],
                lost: read.lost[row],
                ghost: read.ghost[row],
                orders: [
                    read.after_commit[row],
                    read.before_commit[row],
                    read.publish_first[row],
                    read.write_first[row],
                ],
                traces: read.traces.get(row),
                example: read.example.get(row),
                example_is_bad: read.example_is_bad[row],
            };
            requests.add_pair(key, read.by_client[row], pair);
        }
        let symbols = |name: &str| group.beside(name, |group| Vec::<Symbol>::read(SYMBOL, group));
        requests.topics.extend(symbols(TOPICS)?);
        let client_topics = symbols(CLIENT_TOPICS)?;
        requests.client_topics.extend(client_topics.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
        requests.with_outbox.extend(symbols(WITH_OUTBOX)?);
        Ok(requests)
    }
}

/// Names of groups and of a column.
const PAIRS: &str = "pairs";
const TOPICS: &str = "topics";
const CLIENT_TOPICS: &str = "client_topics";
const WITH_OUTBOX: &str = "with_outbox";
const SYMBOL: &str = "symbol";

columns! {
    /// Requests that write, as they are written.
    struct WritingRow in WritingColumns {
        service: Symbol,
        operation: Symbol,
        database: Symbol,
        requests: u64,
        of_consumers: u64,
    }
}

columns! {
    /// Requests that write and publish, as they are written.
    struct PairRow in PairColumns {
        service: Symbol,
        operation: Symbol,
        database: Symbol,
        topic: Symbol,
        by_client: bool,
        requests: u64,
        of_consumers: u64,
        lost: u64,
        ghost: u64,
        after_commit: u64,
        before_commit: u64,
        publish_first: u64,
        write_first: u64,
        traces: TraceCount,
        example: Example,
        example_is_bad: bool,
    }
}
