//! What of a trace is shown, without symbols and row numbers.

/// A trace. Times of spans are offsets in ns from [`ShownTrace::start`].
#[derive(Clone, Debug, Default)]
pub(crate) struct ShownTrace {
    /// Its id.
    pub trace_id: String,
    /// When it began, in ns since 1970.
    pub start: i64,
    /// Its spans, depth first, children by start.
    pub spans: Vec<ShownSpan>,
    /// Its critical paths, in the order of their roots.
    pub paths: Vec<ShownPath>,
    /// What was found in it.
    pub findings: Vec<ShownFinding>,
}

/// A span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ShownSpan {
    /// Its id.
    pub span_id: String,
    /// The place of its parent among the spans, if it is in the input.
    pub parent: Option<usize>,
    /// How many spans are above it.
    pub depth: usize,
    /// Its service.
    pub service: String,
    /// Its name.
    pub name: String,
    /// Its kind; may be empty.
    pub kind: String,
    /// What it calls, if it is a call.
    pub target: Option<String>,
    /// Whether what it calls has spans below it.
    pub has_callee: bool,
    /// When it began.
    pub start_ns: i64,
    /// How long it took.
    pub duration_ns: i64,
    /// Where critical paths go through it: start and end.
    pub on_path: Vec<(i64, i64)>,
    /// Whether it failed.
    pub failed: bool,
    /// What it says of its failure, as a template; may be empty.
    pub message: String,
    /// Names and values of what is known of its attributes.
    pub attributes: Vec<(&'static str, String)>,
    /// The findings that are about it, by their places.
    pub findings: Vec<usize>,
    /// The findings that it is evidence of, by their places.
    pub evidence_of: Vec<usize>,
    /// Why a critical path begins here, where one does: `root`, `segment` or `fragment`.
    pub root_reason: Option<&'static str>,
}

impl ShownTrace {
    /// Summed lengths of all its paths in ns.
    pub(in crate::report) fn length_ns(&self) -> i128 {
        self.paths.iter().filter_map(|path| self.spans.get(path.root)).map(|root| i128::from(root.duration_ns)).sum()
    }
}

impl ShownSpan {
    /// When it ended. Times of damaged inputs may lie anywhere.
    pub(in crate::report) fn end_ns(&self) -> i128 {
        i128::from(self.start_ns) + i128::from(self.duration_ns)
    }
}

/// A critical path: at each moment, the one span that its root was waiting for.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShownPath {
    /// The place of its root among the spans.
    pub root: usize,
    /// Its sections, in the order of time.
    pub sections: Vec<ShownSection>,
}

/// A piece of a critical path.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShownSection {
    /// The place of the span among the spans.
    pub span: usize,
    /// The service that the time is booked for.
    pub service: String,
    /// The operation.
    pub operation: String,
    /// `self`, `network`, `wait` or `backoff`.
    pub component: &'static str,
    /// What was waited for; may be empty.
    pub target: String,
    /// When it begins.
    pub start_ns: i64,
    /// When it ends.
    pub end_ns: i64,
}

/// A finding.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub(crate) struct ShownFinding {
    /// The detector.
    pub detector: &'static str,
    /// What kind of finding it is; empty if the detector tells no kinds.
    pub kind: &'static str,
    /// Its row in the detector's table.
    pub pattern_id: String,
    /// The span to look at.
    pub span_id: String,
    /// The service that it is about.
    pub service: String,
    /// The operation that it is about; the caller's, if it is about calls of one operation.
    pub operation: String,
    /// The operation that is called then.
    pub call_operation: Option<String>,
    /// The target, if it is about one.
    pub target: Option<String>,
    /// What the target is.
    pub target_kind: Option<&'static str>,
    /// When it began, in ns since 1970.
    pub start_unix_nano: String,
    /// What was measured.
    pub measured: f64,
    /// What that was compared with.
    pub threshold: f64,
    /// What it costs, in ns.
    pub impact_ns: i64,
    /// By how many ns the trace would be shorter without its pattern; 0 on all but the first finding of a pattern.
    pub saving_ns: i64,
    /// The spans that prove it.
    pub span_ids: Vec<String>,
}

/// A trace with one of everything that is shown, for tests of its writers.
#[cfg(test)]
pub(in crate::report) mod samples {
    use super::*;

    fn span(parent: Option<usize>, service: &str, name: &str, start_ns: i64, duration_ns: i64) -> ShownSpan {
        ShownSpan {
            parent,
            depth: parent.map_or(0, |parent| 1 + usize::from(parent > 0)),
            service: service.to_owned(),
            name: name.to_owned(),
            kind: "server".to_owned(),
            start_ns,
            duration_ns,
            ..ShownSpan::default()
        }
    }

    pub(in crate::report) fn trace() -> ShownTrace {
        const MS: i64 = 1_000_000;
        let mut spans = vec![
            span(None, "web", "GET /cart", 0, 100 * MS),
            span(Some(0), "cart", "GetCart", 10 * MS, 60 * MS + 1),
            span(Some(1), "cart", "SELECT items FROM carts WHERE user = ? ORDER BY added LIMIT 100", 20 * MS, 0),
            span(Some(0), "mail", "send", 90 * MS, 35 * MS),
        ];
        for (index, span) in spans.iter_mut().enumerate() {
            span.span_id = format!("{:016x}", index + 1);
        }
        spans[0].on_path = vec![(0, 10 * MS), (70 * MS + 1, 100 * MS)];
        spans[0].root_reason = Some("root");
        spans[1].on_path = vec![(10 * MS, 70 * MS + 1)];
        spans[1].failed = true;
        spans[1].message = "no such cart".to_owned();
        spans[1].findings = vec![0];
        spans[1].attributes = vec![("rpc.system.name", "grpc".to_owned())];
        spans[2].kind = "client".to_owned();
        spans[2].target = Some("postgresql/carts".to_owned());
        spans[2].evidence_of = vec![0];
        spans[3].root_reason = Some("segment");
        let section = |span: usize, service: &str, operation: &str, start_ns, end_ns| ShownSection {
            span,
            service: service.to_owned(),
            operation: operation.to_owned(),
            component: "self",
            target: String::new(),
            start_ns,
            end_ns,
        };
        let sections = vec![
            section(0, "web", "GET /cart", 0, 10 * MS),
            section(1, "cart", "GetCart", 10 * MS, 70 * MS + 1),
            section(0, "web", "GET /cart", 70 * MS + 1, 100 * MS),
        ];
        let of_mail = vec![section(3, "mail", "send", 90 * MS, 125 * MS)];
        let finding = ShownFinding {
            detector: "n-plus-one",
            pattern_id: "0123456789abcdef".to_owned(),
            span_id: spans[1].span_id.clone(),
            service: "cart".to_owned(),
            operation: "SELECT items".to_owned(),
            target: Some("postgresql/carts".to_owned()),
            measured: 12.0,
            threshold: 5.0,
            impact_ns: 40 * MS,
            ..ShownFinding::default()
        };
        ShownTrace {
            trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".to_owned(),
            start: 0,
            spans,
            paths: vec![ShownPath { root: 0, sections }, ShownPath { root: 3, sections: of_mail }],
            findings: vec![finding],
        }
    }
}
