//! What became of writes and publishes of one request that do not belong to one transaction.

use crate::partial::named;
use crate::trace::TransactionEnd;

named! {
    /// When the first message is published.
    pub(crate) enum Order {
        /// After the transaction was committed.
        AfterCommit = "after-commit",
        /// After the first write and before the transaction is committed.
        BeforeCommit = "before-commit",
        /// Before the first write.
        PublishFirst = "publish-first",
        /// After the first write; no transaction is recorded.
        WriteFirst = "write-first",
    }
}

/// A call that writes, publishes or ends a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Done {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) failed: bool,
    /// Whether it is a write that can take another one back: a DELETE or UPDATE.
    pub(super) may_undo: bool,
}

/// The calls of one request to one database and one topic, by start.
#[derive(Debug)]
pub(super) struct Together<'a> {
    /// At least one.
    pub(super) writes: &'a [Done],
    /// At least one.
    pub(super) publishes: &'a [Done],
    /// Ends of transactions, those before the first write too.
    pub(super) ends: &'a [(TransactionEnd, Done)],
    /// Whether whoever gave the request gives it again: a message whose consumer failed.
    pub(super) is_given_again: bool,
}

/// What is left of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Writes and messages agree, as far as is recorded.
    Fine,
    /// A write stayed, and no message tells of it.
    Lost,
    /// A message tells of writes of which none stayed.
    Ghost,
}

impl Together<'_> {
    /// The ends of transactions that may be those of the writes: at or after the first.
    fn ends(&self) -> impl Iterator<Item = (TransactionEnd, Done)> {
        let first = self.writes.first().map_or(i64::MAX, |write| write.start);
        self.ends.iter().copied().filter(move |(_, end)| end.start >= first)
    }

    fn commit(&self) -> Option<Done> {
        self.ends().find(|(end, _)| *end == TransactionEnd::Commit).map(|(_, done)| done)
    }

    pub(super) fn verdict(&self) -> Verdict {
        let Self { writes, publishes, is_given_again, .. } = self;
        let rolls_back = self.ends().any(|(end, _)| end == TransactionEnd::Rollback);
        let commit = self.commit();
        if publishes.iter().any(|publish| !publish.failed) {
            let stays_not = writes.iter().all(|write| write.failed)
                || rolls_back && commit.is_none()
                || commit.is_some_and(|commit| commit.failed);
            return if stays_not { Verdict::Ghost } else { Verdict::Fine };
        }
        let last_end = publishes.iter().map(|publish| publish.end).max().unwrap_or(i64::MIN);
        let last_start = publishes.iter().map(|publish| publish.start).max().unwrap_or(i64::MAX);
        let wrote = writes.iter().any(|write| !write.failed && write.start < last_end);
        let took_back = writes.iter().any(|write| write.may_undo && !write.failed && write.start > last_start);
        if wrote && !rolls_back && !took_back && !is_given_again { Verdict::Lost } else { Verdict::Fine }
    }

    pub(super) fn order(&self) -> Order {
        let start = |all: &[Done]| all.first().map_or(i64::MIN, |done| done.start);
        let published = start(self.publishes);
        match self.commit() {
            _ if published < start(self.writes) => Order::PublishFirst,
            None => Order::WriteFirst,
            Some(commit) if published < commit.start => Order::BeforeCommit,
            Some(_) => Order::AfterCommit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calls of a request, as words `KIND start`, which take 5, with `!` for those that failed.
    fn judged(request: &str, is_given_again: bool) -> (Verdict, Order) {
        let (mut writes, mut publishes, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for call in request.split(", ") {
            let (kind, rest) = call.split_once(' ').unwrap();
            let start: i64 = rest.trim_end_matches('!').parse().unwrap();
            let done = Done { start, end: start + 5, failed: rest.ends_with('!'), may_undo: kind == "update" };
            match kind {
                "insert" | "update" => writes.push(done),
                "publish" => publishes.push(done),
                "commit" => ends.push((TransactionEnd::Commit, done)),
                "rollback" => ends.push((TransactionEnd::Rollback, done)),
                other => panic!("{other}"),
            }
        }
        let together = Together { writes: &writes, publishes: &publishes, ends: &ends, is_given_again };
        (together.verdict(), together.order())
    }

    #[test]
    fn requests_are_judged_by_what_stayed() {
        use Order::{AfterCommit, BeforeCommit, PublishFirst, WriteFirst};
        use Verdict::{Fine, Ghost, Lost};
        for (request, expected) in [
            ("insert 10, publish 20", (Fine, WriteFirst)),
            ("insert 10, publish 20!", (Lost, WriteFirst)),
            ("insert 10, publish 20!, publish 30!", (Lost, WriteFirst)),
            ("insert 10, publish 20!, publish 30", (Fine, WriteFirst)),
            ("insert 10!, publish 20!", (Fine, WriteFirst)),
            // It begins only once all hope is lost.
            ("publish 10!, insert 20", (Fine, PublishFirst)),
            ("publish 10!, insert 12", (Lost, PublishFirst)),
            ("insert 10, publish 20!, update 30", (Fine, WriteFirst)),
            ("insert 10, publish 20!, update 30!", (Lost, WriteFirst)),
            ("insert 10, publish 20!, insert 30", (Lost, WriteFirst)),
            ("insert 10, update 15, publish 20!", (Lost, WriteFirst)),
            ("insert 10, publish 20!, rollback 30", (Fine, WriteFirst)),
            ("insert 10, publish 20!, commit 30", (Lost, BeforeCommit)),
            ("insert 10, commit 20, publish 30!", (Lost, AfterCommit)),
            ("insert 10, commit 20, publish 30", (Fine, AfterCommit)),
            ("insert 10, publish 20, commit 30!", (Ghost, BeforeCommit)),
            ("insert 10, publish 20, commit 30!, commit 40", (Ghost, BeforeCommit)),
            ("insert 10, publish 20, rollback 30", (Ghost, WriteFirst)),
            ("insert 10, publish 20, rollback 30, commit 40", (Fine, BeforeCommit)),
            ("insert 10!, publish 20", (Ghost, WriteFirst)),
            ("insert 10!, insert 15, publish 20", (Fine, WriteFirst)),
            ("publish 10, insert 20!", (Ghost, PublishFirst)),
            // What ended before the first write is not its transaction.
            ("rollback 0, insert 10, publish 20", (Fine, WriteFirst)),
            ("commit 0!, insert 10, publish 20", (Fine, WriteFirst)),
        ] {
            assert_eq!(judged(request, false), expected, "{request}");
        }
        assert_eq!(judged("insert 10, publish 20!", true).0, Fine);
        assert_eq!(judged("insert 10!, publish 20", true).0, Ghost);
    }
}
