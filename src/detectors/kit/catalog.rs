//! The catalog: one line a detector, from which everything that goes over all detectors is made.

use super::description::{Column, Description};
use super::detector::{Concluded, Detector};
use super::thresholds::Threshold;

/// A detector, as people see it.
#[derive(Clone, Debug)]
pub struct CatalogEntry {
    /// What it is.
    pub description: &'static Description,
    /// Its thresholds.
    pub thresholds: Vec<Threshold>,
    /// The columns of its table.
    pub columns: Vec<Column>,
}

impl CatalogEntry {
    /// That of a detector.
    pub(crate) fn of<D: Detector>() -> Self {
        Self { description: D::DESCRIPTION, thresholds: D::thresholds(), columns: D::TABLE.columns() }
    }
}

/// Takes what each detector concludes.
pub(crate) trait Conclusions {
    /// Takes the conclusion of one.
    fn take<D: Detector>(&mut self, detector: &D, concluded: Concluded<D>);
}

/// Declares the detectors: a field and a type each. The field's name with dashes is the name on the command line.
macro_rules! catalog {
    ($($(#[$doc:meta])* $field:ident: $detector:ty,)+) => {
        /// All detectors, with their thresholds: the part of the configuration that has a table for each of them.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        pub struct Detectors {
            $($(#[$doc])* pub(crate) $field: $detector,)+
        }

        impl Detectors {
            /// Sets a threshold.
            ///
            /// # Errors
            /// If there is no such detector or threshold, or the value is none.
            pub fn set(&mut self, detector: &str, threshold: &str, value: &str) -> Result<(), $crate::detectors::NotSet> {
                use $crate::detectors::kit::Thresholds as _;
                $(if detector == <$detector as $crate::detectors::kit::Detector>::DESCRIPTION.name {
                    return self.$field.set(threshold, value);
                })+
                Err($crate::detectors::NotSet::UnknownDetector)
            }

            /// Names and values of the thresholds of each detector, in the order of [`catalog`].
            pub fn thresholds(&self) -> Vec<Vec<(&'static str, String)>> {
                use $crate::detectors::kit::Thresholds as _;
                vec![$({
                    let names = <$detector>::thresholds().into_iter().map(|threshold| threshold.name);
                    names.zip(self.$field.values()).collect()
                }),+]
            }

            /// What is to be gathered for those that are on.
            pub(crate) fn gathers(&self, is_on: impl Fn(&str) -> bool) -> $crate::gathered::Gathers {
                let mut all = $crate::gathered::Gathers::NOTHING;
                $(if is_on(<$detector as $crate::detectors::kit::Detector>::DESCRIPTION.name) {
                    all = all.or(<$detector as $crate::detectors::kit::Detector>::gathers());
                })+
                all
            }
        }

        /// All detectors, in the order of their tables.
        pub fn catalog() -> Vec<$crate::detectors::CatalogEntry> {
            vec![$($crate::detectors::CatalogEntry::of::<$detector>()),+]
        }

        /// What the detectors that are on have seen.
        #[derive(Default)]
        pub(crate) struct SeenByAll {
            $($field: Option<<$detector as $crate::detectors::kit::Detector>::Seen>,)+
        }

        impl SeenByAll {
            /// Nothing so far, of the detectors whose names `is_on` says are on.
            pub(crate) fn new(is_on: impl Fn(&str) -> bool) -> Self {
                Self {
                    $($field: is_on(<$detector as $crate::detectors::kit::Detector>::DESCRIPTION.name)
                        .then(Default::default),)+
                }
            }

            /// Lets all take what was found while spans were read.
            pub(crate) fn take_read(&mut self, detectors: &Detectors, mut read: $crate::detectors::kit::WhileRead) {
                $(if let Some(seen) = &mut self.$field {
                    $crate::detectors::kit::Detector::take_read(&detectors.$field, &mut read, seen);
                })+
            }

            /// How many traces those have looked at that look at a sample, if any does.
            pub(crate) fn sampled_traces(&self) -> Option<u64> {
                use $crate::detectors::kit::Seen as _;
                let mut sampled = None;
                $(sampled = sampled.or(self.$field.as_ref().and_then(|seen| seen.sampled_traces()));)+
                sampled
            }

            /// Lets all look at some traces, one after the other, and works out what fixes would save in each, with a `Settling`
            /// for each of them.
            pub(crate) fn see(
                &mut self,
                detectors: &Detectors,
                traces: &[$crate::trace::TraceView<'_>],
                settlings: &mut [$crate::savings::Settling],
                overlaps: &mut $crate::savings::Overlaps,
            ) {
                use $crate::detectors::kit::{Detector, Seen as _};
                let mut number = 0;
                $(if let Some(seen) = &mut self.$field {
                    for (trace, settling) in traces.iter().zip(&mut *settlings) {
                        Detector::see(&detectors.$field, trace, seen);
                        if let Some(unsettled) = seen.unsettled() {
                            settling.take(number, <$detector as Detector>::DESCRIPTION.name, unsettled);
                        }
                        if let Some(marked) = seen.marked() {
                            settling.mark(marked);
                        }
                    }
                }
                number += 1;)+
                for (trace, settling) in traces.iter().zip(settlings).filter(|(_, settling)| !settling.is_empty()) {
                    settling.settle(trace, overlaps);
                    let mut number = 0;
                    $(if let Some(unsettled) = self.$field.as_mut().and_then(|seen| seen.unsettled()) {
                        settling.give(number, unsettled.findings);
                    }
                    number += 1;)+
                    settling.clear();
                }
            }

            /// What those that want to look at calls in this round have learned so far: nothing. `None` if nobody wants to.
            pub(crate) fn begin_round(
                &mut self,
                detectors: &Detectors,
                round: $crate::detectors::kit::CallRound,
            ) -> Option<Self> {
                use $crate::detectors::kit::Detector;
                let (mut learned, mut is_wanted) = (Self::default(), false);
                $(if let Some(seen) = &mut self.$field
                    && <$detector as Detector>::gathers().calls
                    && Detector::wants_calls(&detectors.$field, round, seen)
                {
                    learned.$field = Some(Default::default());
                    is_wanted = true;
                })+
                is_wanted.then_some(learned)
            }

            /// Nothing so far, of the same detectors.
            pub(crate) fn emptied(&self) -> Self {
                Self { $($field: self.$field.as_ref().map(|_| Default::default()),)+ }
            }

            /// Whether any that takes part in the round wants the calls along an edge.
            pub(crate) fn wants_calls_along(
                &self,
                detectors: &Detectors,
                round: $crate::detectors::kit::CallRound,
                edge: $crate::gathered::EdgeOfCalls,
                taking_part: &Self,
            ) -> bool {
                use $crate::detectors::kit::Detector;
                $(if let (Some(known), Some(_)) = (&self.$field, &taking_part.$field)
                    && Detector::wants_calls_along(&detectors.$field, round, edge, known)
                {
                    return true;
                })+
                false
            }

            /// Lets those that take part in the round look at a call.
            pub(crate) fn see_call(
                &self,
                detectors: &Detectors,
                round: $crate::detectors::kit::CallRound,
                call: &$crate::gathered::LoggedCall,
                learned: &mut Self,
            ) {
                use $crate::detectors::kit::Detector;
                $(if <$detector as Detector>::gathers().calls
                    && let (Some(known), Some(learned)) = (&self.$field, &mut learned.$field)
                {
                    Detector::see_call(&detectors.$field, round, call, known, learned);
                })+
            }

            /// Lets those that ask for calls look at all calls to one target.
            pub(crate) fn see_target(&mut self, detectors: &Detectors, calls: &$crate::gathered::CallsOfTarget<'_>) {
                $(if let Some(seen) = &mut self.$field
                    && <$detector as $crate::detectors::kit::Detector>::gathers().calls
                {
                    $crate::detectors::kit::Detector::see_target(&detectors.$field, calls, seen);
                })+
            }

            /// Whether any that asks for calls wants to look at those along an edge.
            pub(crate) fn wants_edge(&self, detectors: &Detectors, edge: $crate::gathered::EdgeOfCalls) -> bool {
                $(if let Some(seen) = &self.$field
                    && <$detector as $crate::detectors::kit::Detector>::gathers().calls
                    && $crate::detectors::kit::Detector::wants_edge(&detectors.$field, edge, seen)
                {
                    return true;
                })+
                false
            }

            /// Whether any that asks for caller spans wants to look at those of a service.
            pub(crate) fn wants_service(&self, detectors: &Detectors, service: $crate::frame::Symbol) -> bool {
                $(if let Some(seen) = &self.$field
                    && <$detector as $crate::detectors::kit::Detector>::gathers().caller_spans
                    && $crate::detectors::kit::Detector::wants_service(&detectors.$field, service, seen)
                {
                    return true;
                })+
                false
            }

            /// Lets those that want it look at all caller spans of one service.
            pub(crate) fn see_service(
                &mut self,
                detectors: &Detectors,
                spans: &$crate::gathered::CallerSpansOfService<'_>,
            ) {
                use $crate::detectors::kit::Detector;
                $(if let Some(seen) = &mut self.$field
                    && <$detector as Detector>::gathers().caller_spans
                    && Detector::wants_service(&detectors.$field, spans.service, seen)
                {
                    Detector::see_service(&detectors.$field, spans, seen);
                })+
            }

            /// Lets those that ask for messages look at all of one topic, and again if any of them wants to.
            pub(crate) fn see_topic(&mut self, detectors: &Detectors, messages: &$crate::gathered::MessagesOfTopic<'_>) {
                use $crate::detectors::kit::{Detector, MessageRound};
                for round in [MessageRound::First, MessageRound::Second] {
                    messages.for_each_chunk(|messages| {
                        rayon::scope(|scope| {
                            $(if let Some(seen) = &mut self.$field
                                && <$detector as Detector>::gathers().messages
                            {
                                scope.spawn(move |_| {
                                    for message in messages {
                                        Detector::see_message(&detectors.$field, round, message, seen);
                                    }
                                });
                            })+
                        });
                    });
                    let mut is_wanted = false;
                    $(if let Some(seen) = &mut self.$field
                        && <$detector as Detector>::gathers().messages
                    {
                        is_wanted |= Detector::end_topic(&detectors.$field, round, messages.subject, seen);
                    })+
                    if !is_wanted {
                        return;
                    }
                }
            }

            /// Takes in what was seen of other traces.
            pub(crate) fn merge(&mut self, other: Self) {
                use $crate::detectors::kit::Seen as _;
                $(match (&mut self.$field, other.$field) {
                    (Some(own), Some(other)) => own.merge(other),
                    (own, other) => *own = own.take().or(other),
                })+
            }

            /// Gives each trace its place among all traces in the order of their ids.
            pub(crate) fn renumber_traces(
                &mut self,
                rank_of: &(dyn Fn($crate::partial::TraceNumber) -> $crate::partial::TraceNumber + Sync),
            ) {
                use $crate::detectors::kit::Seen as _;
                $(if let Some(seen) = &mut self.$field {
                    seen.renumber_traces(rank_of);
                })+
            }

            /// About how many bytes of memory each takes, by name.
            pub(crate) fn bytes(&self) -> Vec<(&'static str, usize)> {
                use $crate::detectors::kit::Seen as _;
                let mut bytes = Vec::new();
                $(if let Some(seen) = &self.$field {
                    bytes.push((<$detector as $crate::detectors::kit::Detector>::DESCRIPTION.name, seen.bytes()));
                })+
                bytes
            }

            /// Writes what each has seen as a group of its name.
            ///
            /// # Errors
            /// If the file cannot be written.
            pub(crate) fn write<W: std::io::Write>(
                &self,
                file: &mut $crate::partial::PartialWriter<W>,
                part: &str,
                numbers: $crate::partial::Renumbering<'_>,
            ) -> std::io::Result<()> {
                use $crate::detectors::kit::Seen as _;
                $(if let Some(seen) = &self.$field {
                    let name = <$detector as $crate::detectors::kit::Detector>::DESCRIPTION.name;
                    file.group(&format!("{part}{name}"), numbers, |group| seen.write(group))?;
                })+
                Ok(())
            }

            /// Takes in what was written of the traces of a file, for the detectors that are on.
            ///
            /// # Errors
            /// If it cannot be read.
            pub(crate) fn merge_file(
                &mut self,
                file: &$crate::partial::PartialReader,
                part: &str,
                numbers: $crate::partial::Renumbering<'_>,
            ) -> Result<(), $crate::partial::PartialError> {
                use $crate::detectors::kit::Seen;
                $(if let Some(own) = &mut self.$field {
                    let name = <$detector as $crate::detectors::kit::Detector>::DESCRIPTION.name;
                    own.merge(file.group(&format!("{part}{name}"), numbers, Seen::read)?);
                })+
                Ok(())
            }

            /// Lets all conclude, on all threads, works out what fixes of findings would save that they push only now, and hands what
            /// they conclude to `conclusions`, in the order of [`catalog`].
            pub(crate) fn conclude(
                self,
                detectors: &Detectors,
                whole: &$crate::detectors::kit::Whole<'_>,
                overlaps: &mut $crate::savings::Overlaps,
                conclusions: &mut impl $crate::detectors::kit::Conclusions,
            ) {
                struct ConcludedByAll {
                    $($field: Option<$crate::detectors::kit::Concluded<$detector>>,)+
                }
                let mut all = Box::new(ConcludedByAll { $($field: None,)+ });
                let concluded = &mut *all;
                rayon::scope(|scope| {
                    $(if let Some(seen) = self.$field {
                        let concluded = &mut concluded.$field;
                        scope.spawn(move |_| {
                            *concluded = Some($crate::detectors::kit::Detector::conclude(&detectors.$field, seen, whole));
                        });
                    })+
                });
                let mut late = $crate::savings::LateSettling::new(overlaps);
                let mut number = 0;
                $(if let Some(mut concluded) = all.$field.take() {
                    late.settle(number, &mut concluded.findings.common, &mut concluded.findings.remedies);
                    conclusions.take(&detectors.$field, concluded);
                }
                number += 1;)+
                let _ = number;
            }
        }
    };
}
pub(crate) use catalog;
