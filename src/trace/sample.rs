//! Small inputs for tests, one span a line:
//!
//! ```text
//! trace span parent service KIND operation start..end [ERROR] [key=value]…         times in ms, parent 0 for none
//! ```
//!
//! A key behind `resource.` is that of an attribute of the span's resource.

use crate::conventions::{Lists, OwnAttributes};
use crate::frame::{Collecting, Frame, FrameBuilder, SpanSink as _};
use crate::span::{KeyValue, Origin, SpanId, SpanKind, SpanRecord, StatusCode, TraceId, Value};

use super::{Asked, OverlapTolerance, Semantics, TraceModel, TraceView, derive_asked};

/// When samples begin, in ns since 1970.
pub(crate) const SAMPLE_START: i64 = 1_700_000_000_000_000_000;

/// What begins the keys of attributes of resources.
const RESOURCE: &str = "resource.";

/// Traces of a sample.
pub(crate) struct Sample {
    /// What signatures tell, and the strings.
    pub(crate) semantics: Semantics,
    traces: Frame,
}

impl Sample {
    /// The traces of some lines.
    pub(crate) fn of(lines: &str) -> Self {
        let own_attributes = OwnAttributes::ALL;
        let mut builder = FrameBuilder::of(&Collecting { own_attributes, ..Collecting::default() });
        push_sample(&mut builder, lines);
        let (vocabulary, traces) = crate::frame::group(vec![builder]);
        Self { semantics: derive_asked(&vocabulary, &Lists::default(), Asked::ALL), traces }
    }

    /// The ids of the traces, ascending.
    pub(crate) fn trace_ids(&self) -> &[TraceId] {
        &self.traces.trace_ids
    }

    /// Shows the trace at a place in the order of ids under a number.
    pub(crate) fn with_trace(&self, index: usize, number: u32, show: impl FnOnce(&TraceView<'_>)) {
        let mut model = TraceModel::default();
        model.rebuild(self.traces.trace(index), &self.semantics);
        let tolerance = OverlapTolerance { millionths: 0 };
        show(&model.view(number, self.trace_ids()[index], &self.semantics, tolerance));
    }
}

/// Adds the spans of some lines.
pub(crate) fn push_sample(builder: &mut FrameBuilder, lines: &str) {
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| push(builder, line));
}

/// Words are parted by blanks; a blank in a value is written `␣`.
fn push(builder: &mut FrameBuilder, line: &str) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[trace, span, parent, service, kind, operation, times, ref rest @ ..] = words.as_slice() else {
        panic!("{line} has too few words");
    };
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let at = |ms: &str| (SAMPLE_START as u64) + (ms.parse::<f64>().expect("ms") * 1e6) as u64;
    let (start, end) = times.split_once("..").expect("start..end");
    let text = |key: &str, value: &str| KeyValue {
        key: key.to_owned().into(),
        value: Value::Str(value.replace('␣', " ").into()),
    };
    let pairs = || rest.iter().filter_map(|word| word.split_once('='));
    let record = SpanRecord {
        trace_id: TraceId(u128::from(number(trace)).to_be_bytes()),
        span_id: SpanId(number(span)),
        parent_span_id: SpanId(number(parent)),
        name: operation.to_owned().into(),
        kind: SpanKind::from_text(kind),
        status: if rest.contains(&"ERROR") { StatusCode::Error } else { StatusCode::Unset },
        start_unix_nano: at(start),
        end_unix_nano: at(end),
        attributes: pairs()
            .filter(|(key, _)| !key.starts_with(RESOURCE))
            .map(|(key, value)| text(key, value))
            .collect(),
        ..SpanRecord::default()
    };
    let of_resource = pairs().filter_map(|(key, value)| Some(text(key.strip_prefix(RESOURCE)?, value)));
    let resource_attributes = [text("service.name", service)].into_iter().chain(of_resource).collect();
    let origin = Origin { resource_attributes, ..Origin::default() };
    builder.span(&origin, &record, 0);
}
