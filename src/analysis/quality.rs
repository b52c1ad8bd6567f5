//! What was odd about the data.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::SystemTime;

use arrow::error::ArrowError;

use crate::frame::Symbol;
use crate::partial::{Columns as _, GroupReader, GroupWriter, columns};
use crate::span::{SpanKind, StatusCode};
use crate::trace::{NO_ROW, RootReason, TargetKind, TraceView};

const DAY_NS: i64 = 24 * 60 * 60 * 1_000_000_000;
const YEAR_NS: i64 = 365 * DAY_NS;

/// So far may clocks be ahead of that of this machine.
const AHEAD_NS: i64 = 10 * 60 * 1_000_000_000;

/// The time of the run in ns since 1970: one for all threads.
fn time_of_run() -> i64 {
    static TIME: OnceLock<i64> = OnceLock::new();
    *TIME.get_or_init(|| {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX)
    })
}

/// What was odd about the data.
#[derive(Clone, Debug, Default)]
pub struct Quality {
    /// Spans whose parent id is not in the input.
    pub orphans: u64,
    /// Traces without a span that has no parent id.
    pub missing_roots: u64,
    /// Exact re-exports that were dropped.
    pub duplicates: u64,
    /// Spans that share an id with another span.
    pub id_collisions: u64,
    /// SERVER halves that share their CLIENT half's id.
    pub shared_ids: u64,
    /// Cycles of parents that were cut.
    pub cycles: u64,
    /// Spans without a service name.
    pub without_service: u64,
    /// Those of them that belong to the service of a span above.
    pub inherited_services: u64,
    /// Spans cut to their parent's window.
    pub clamped: u64,
    /// Spans without kind.
    pub without_kind: u64,
    /// Spans with a status, OK or error.
    pub with_status: u64,
    /// Spans without one that have an HTTP or RPC code.
    pub with_code: u64,
    /// Spans that say how many they stand for because of sampling, themselves or by their trace's root.
    pub with_adjusted_count: u64,
    /// Calls whose target is known only by the span's name.
    pub without_target: u64,
    /// Spans that start before 1971.
    pub before_1971: u64,
    /// Spans that start after the time of the run.
    pub in_future: u64,
    /// Roots that take more than 24 hours.
    pub long_roots: u64,
    /// Traces that were cut in two by whoever cut the input in parts: each piece was analysed for itself.
    pub in_several_parts: u64,
    /// Server spans that stick out of their client span, by (caller, callee).
    pub clock_skew: BTreeMap<(Symbol, Symbol), ClockSkew>,
}

/// How far server spans stick out of their client spans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockSkew {
    /// Number of such spans.
    pub spans: u64,
    /// The largest distance in ns.
    pub max_ns: i64,
}

columns! {
    /// The counts.
    struct CountsRow in CountsColumns {
        orphans: u64,
        missing_roots: u64,
        duplicates: u64,
        id_collisions: u64,
        shared_ids: u64,
        cycles: u64,
        without_service: u64,
        inherited_services: u64,
        clamped: u64,
        without_kind: u64,
        with_status: u64,
        with_code: u64,
        with_adjusted_count: u64,
        without_target: u64,
        before_1971: u64,
        in_future: u64,
        long_roots: u64,
    }
}

columns! {
    /// The skew between two services.
    struct SkewRow in SkewColumns {
        caller: Symbol,
        callee: Symbol,
        spans: u64,
        max_ns: i64,
    }
}

impl Quality {
    /// Looks at one trace.
    pub(super) fn see(&mut self, trace: &TraceView<'_>) {
        let tree = trace.tree;
        let has_root = tree.path_roots.iter().any(|root| root.reason == RootReason::Root);
        self.missing_roots += u64::from(!has_root);
        self.orphans += tree.counts.orphans;
        self.duplicates += tree.counts.duplicates;
        self.id_collisions += tree.counts.id_collisions;
        self.shared_ids += tree.counts.shared_ids;
        self.cycles += tree.counts.cycles;
        self.without_service += tree.counts.without_service;
        self.inherited_services += tree.counts.inherited_services;
        self.clamped += trace.paths.clamped;
        self.with_adjusted_count += trace.adjusted_counts().spans;
        // Spans come in the order of their starts.
        let latest = time_of_run().saturating_add(AHEAD_NS);
        self.before_1971 += tree.starts.partition_point(|&start| start < YEAR_NS) as u64;
        self.in_future += (tree.len() - tree.starts.partition_point(|&start| start <= latest)) as u64;
        let roots = tree.path_roots.iter().filter(|root| root.reason == RootReason::Root);
        self.long_roots += roots.filter(|root| trace.duration(root.row) > DAY_NS).count() as u64;
        let calls = &trace.calls.calls;
        self.without_target += calls.iter().filter(|call| call.target.kind == TargetKind::Unnamed).count() as u64;
        for row in 0..tree.len() as u32 {
            let semantics = trace.semantics_of(row);
            self.without_kind += u64::from(semantics.kind == SpanKind::Unspecified);
            let has_status = semantics.status != StatusCode::Unset;
            self.with_status += u64::from(has_status);
            self.with_code += u64::from(!has_status && semantics.has_protocol_code);
        }
        for call in calls.iter().filter(|call| call.callee != NO_ROW && call.callee != call.row) {
            if tree.is_async[call.callee as usize] {
                continue;
            }
            let early = trace.start(call.row) - trace.start(call.callee);
            let late = trace.end(call.callee) - trace.end(call.row);
            // The callee may have gone on after its caller left.
            let went_on = early <= 0 && trace.start(call.callee) <= trace.end(call.row);
            if went_on && trace.calls.roles[call.row as usize].failed {
                continue;
            }
            let distance = early.max(late);
            if distance > tree.resolution_ns {
                let skew = self.clock_skew.entry((call.caller_service, trace.service(call.callee))).or_default();
                skew.spans += 1;
                skew.max_ns = skew.max_ns.max(distance);
            }
        }
    }

    /// Takes in that of other traces.
    pub(super) fn merge(&mut self, other: Self) {
        self.orphans += other.orphans;
        self.missing_roots += other.missing_roots;
        self.duplicates += other.duplicates;
        self.id_collisions += other.id_collisions;
        self.shared_ids += other.shared_ids;
        self.cycles += other.cycles;
        self.without_service += other.without_service;
        self.inherited_services += other.inherited_services;
        self.clamped += other.clamped;
        self.without_kind += other.without_kind;
        self.with_status += other.with_status;
        self.with_code += other.with_code;
        self.with_adjusted_count += other.with_adjusted_count;
        self.without_target += other.without_target;
        self.before_1971 += other.before_1971;
        self.in_future += other.in_future;
        self.long_roots += other.long_roots;
        for (pair, skew) in other.clock_skew {
            let own = self.clock_skew.entry(pair).or_default();
            own.spans += skew.spans;
            own.max_ns = own.max_ns.max(skew.max_ns);
        }
    }

    /// Writes it.
    pub(super) fn write(&self, group: &mut GroupWriter<'_>) {
        let mut counts = CountsColumns::default();
        counts.push(CountsRow {
            orphans: self.orphans,
            missing_roots: self.missing_roots,
            duplicates: self.duplicates,
            id_collisions: self.id_collisions,
            shared_ids: self.shared_ids,
            cycles: self.cycles,
            without_service: self.without_service,
            inherited_services: self.inherited_services,
            clamped: self.clamped,
            without_kind: self.without_kind,
            with_status: self.with_status,
            with_code: self.with_code,
            with_adjusted_count: self.with_adjusted_count,
            without_target: self.without_target,
            before_1971: self.before_1971,
            in_future: self.in_future,
            long_roots: self.long_roots,
        });
        counts.write("", group);
        let mut skews = SkewColumns::default();
        for (&(caller, callee), &ClockSkew { spans, max_ns }) in &self.clock_skew {
            skews.push(SkewRow { caller, callee, spans, max_ns });
        }
        group.beside("clock_skew", |group| skews.write("", group));
    }

    /// Reads what [`Quality::write`] wrote.
    ///
    /// # Errors
    /// If a column is not there or has another type.
    pub(super) fn read(group: &GroupReader<'_>) -> Result<Self, ArrowError> {
        let counts = CountsColumns::read("", group)?;
        let skews = group.beside("clock_skew", |group| SkewColumns::read("", group))?;
        let mut quality = Self::default();
        for row in 0..group.len() {
            quality.orphans += counts.orphans[row];
            quality.missing_roots += counts.missing_roots[row];
            quality.duplicates += counts.duplicates[row];
            quality.id_collisions += counts.id_collisions[row];
            quality.shared_ids += counts.shared_ids[row];
            quality.cycles += counts.cycles[row];
            quality.without_service += counts.without_service[row];
            quality.inherited_services += counts.inherited_services[row];
            quality.clamped += counts.clamped[row];
            quality.without_kind += counts.without_kind[row];
            quality.with_status += counts.with_status[row];
            quality.with_code += counts.with_code[row];
            quality.with_adjusted_count += counts.with_adjusted_count[row];
            quality.without_target += counts.without_target[row];
            quality.before_1971 += counts.before_1971[row];
            quality.in_future += counts.in_future[row];
            quality.long_roots += counts.long_roots[row];
        }
        let pairs = skews.caller.into_iter().zip(skews.callee);
        let skews = skews.spans.into_iter().zip(skews.max_ns).map(|(spans, max_ns)| ClockSkew { spans, max_ns });
        quality.clock_skew = pairs.zip(skews).collect();
        Ok(quality)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::sample::Sample;

    fn quality_of(spans: &str) -> Quality {
        let lines: Vec<String> = spans.split(" | ").map(|span| format!("1 {span}")).collect();
        let mut quality = Quality::default();
        Sample::of(&lines.join("\n")).with_trace(0, 0, |trace| quality.see(trace));
        quality
    }

    /// A server span that sticks out of its client span by more than times are rounded shows that clocks differ, unless the
    /// client gave up: then the callee went on.
    #[test]
    fn skew_is_told_from_callees_that_go_on() {
        const ROOT: &str = "1 0 a SERVER get 0..100";
        for (spans, expected) in [
            ("2 1 a CLIENT get 10..50 | 3 2 b SERVER get 8..49", Some((1, 2_000_000))),
            ("2 1 a CLIENT get 10..50 | 3 2 b SERVER get 11..55", Some((1, 5_000_000))),
            ("2 1 a CLIENT get 10..50 | 3 2 b SERVER get 11..51", None),
            ("2 1 a CLIENT get 10..50 ERROR | 3 2 b SERVER get 11..90", None),
            ("2 1 a CLIENT get 10..50 ERROR | 3 2 b SERVER get 5..90", Some((1, 40_000_000))),
            ("2 1 a CLIENT get 10..50 | 3 2 b SERVER get 60..90", None),
        ] {
            let skew = quality_of(&format!("{ROOT} | {spans}")).clock_skew;
            let found = skew.values().next().map(|skew| (skew.spans, skew.max_ns));
            assert_eq!(found, expected, "{spans}");
        }
    }

    #[test]
    fn spans_without_service_are_counted() {
        let quality = quality_of(
            "1 0 unknown_service SERVER get 0..9 | 2 1 b SERVER get 2..7 | 3 2 unknown_service INTERNAL help 3..6",
        );
        assert_eq!((quality.without_service, quality.inherited_services), (2, 1));
    }
}
