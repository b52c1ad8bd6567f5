//! What is known about a generated trace: which detectors must find what in it, and which must stay silent.

use std::io::{self, Write};

use crate::span::TraceId;

/// The detectors that labels speak of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Detector {
    NPlusOne,
    SyncChain,
    RetryStorm,
    FailureAmplification,
    SerialFanOut,
    HardDependency,
    Timeouts,
    CircuitBreaker,
    Throttling,
    Saturation,
    SharedDatabase,
    DualWrite,
    UncompensatedSaga,
    DistributedMonolith,
    IllSizedService,
    NoGateway,
    MessageDisorder,
    DuplicateMessage,
    DeadLetter,
    ConsumerLag,
    LargePayload,
    SensitiveData,
    TraceQuality,
}

impl Detector {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NPlusOne => "n-plus-one",
            Self::SyncChain => "sync-chain",
            Self::RetryStorm => "retry-storm",
            Self::FailureAmplification => "failure-amplification",
            Self::SerialFanOut => "serial-fan-out",
            Self::HardDependency => "hard-dependency",
            Self::Timeouts => "timeouts",
            Self::CircuitBreaker => "circuit-breaker",
            Self::Throttling => "throttling",
            Self::Saturation => "saturation",
            Self::SharedDatabase => "shared-database",
            Self::DualWrite => "dual-write",
            Self::UncompensatedSaga => "uncompensated-saga",
            Self::DistributedMonolith => "distributed-monolith",
            Self::IllSizedService => "ill-sized-service",
            Self::NoGateway => "no-gateway",
            Self::MessageDisorder => "message-disorder",
            Self::DuplicateMessage => "duplicate-message",
            Self::DeadLetter => "dead-letter",
            Self::ConsumerLag => "consumer-lag",
            Self::LargePayload => "large-payload",
            Self::SensitiveData => "sensitive-data",
            Self::TraceQuality => "trace-quality",
        }
    }
}

/// Whether a detector must find something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LabelKind {
    /// The detector must find it, as a problem; a smell as a problem or a risk, or as a note where its kind is never more. What only
    /// many traces show is found where there are as many.
    Planted,
    /// It looks like an anti-pattern and is none: unless the trace also has a planted label of this detector, the
    /// detector must find nothing in it that is more than a risk; of what looks like a smell, more than a note.
    LookAlike,
}

impl LabelKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Planted => "planted",
            Self::LookAlike => "look_alike",
        }
    }
}

/// One line of the labels file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Label {
    pub(super) trace_id: TraceId,
    pub(super) detector: Detector,
    pub(super) kind: LabelKind,
    pub(super) case: &'static str,
    /// The caller (`*` for a sum), the entry service, or the service where the failure began.
    pub(super) service: &'static str,
    /// What is called, as the analysis prints it.
    pub(super) target: Option<&'static str>,
    /// The kind of what is found, where a detector of smells has several.
    pub(super) finding: Option<&'static str>,
}

impl Label {
    /// Writes the label as a line of JSON. All texts are names that need no escape.
    pub(super) fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let Self { trace_id, detector, kind, case, service, target, finding } = self;
        write!(
            output,
            r#"{{"trace_id":"{trace_id}","detector":"{}","kind":"{}","case":"{case}","service":"{service}","target":"#,
            detector.as_str(),
            kind.as_str(),
        )?;
        match target {
            Some(target) => write!(output, r#""{target}""#)?,
            None => write!(output, "null")?,
        }
        match finding {
            Some(finding) => writeln!(output, r#","finding":"{finding}"}}"#),
            None => writeln!(output, "}}"),
        }
    }
}
