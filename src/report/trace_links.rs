//! Where a trace can be looked at: the address that `trace_url` makes of its id.

use std::fmt;

/// What the id of a trace is replaced for.
const TRACE_ID: &str = "{trace_id}";

/// Addresses of programs that show traces, by the names of the programs. `BASE` is where the program is.
const PRESETS: &[(&str, &str)] = &[
    ("jaeger", "BASE/trace/{trace_id}"),
    // The data source is the one that is called `tempo`. Panes are JSON, percent-encoded.
    (
        "grafana-tempo",
        "BASE/explore?schemaVersion=1&panes=%7B%22t%22:%7B%22datasource%22:%22tempo%22,%22queries%22:%5B%7B%22refId%22:%22A%22,\
         %22datasource%22:%7B%22type%22:%22tempo%22,%22uid%22:%22tempo%22%7D,%22queryType%22:%22traceql%22,\
         %22query%22:%22{trace_id}%22%7D%5D,%22range%22:%7B%22from%22:%22{start}%22,%22to%22:%22{end}%22%7D%7D%7D",
    ),
    ("datadog", "BASE/apm/trace/{trace_id}"),
    // Of a data set, `https://ui.honeycomb.io/TEAM/environments/ENVIRONMENT/datasets/DATASET`.
    ("honeycomb", "BASE/trace?trace_id={trace_id}&trace_start_ts={start_s}&trace_end_ts={end_s}"),
    ("signoz", "BASE/trace/{trace_id}"),
];

/// An address with places for the id and the time of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceUrl {
    template: String,
}

impl TraceUrl {
    /// What it takes, for whoever has typed something else.
    pub(crate) const FORM: &str = "an http or https address with {trace_id} in it, like https://jaeger.example/trace/{trace_id}, \
                                   or jaeger:BASE, grafana-tempo:BASE, datadog:BASE, honeycomb:BASE, signoz:BASE";

    /// An address, or a preset and where its program is.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let preset = text.split_once(':').and_then(|(name, base)| {
            let (_, template) = PRESETS.iter().find(|(preset, _)| *preset == name)?;
            Some(template.replace("BASE", base.trim_end_matches('/')))
        });
        let template = preset.unwrap_or_else(|| text.to_owned());
        let lower = template.to_ascii_lowercase();
        let host = ["https://", "http://"].iter().find_map(|scheme| lower.strip_prefix(scheme))?;
        let has_host = host.chars().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == '[');
        // Whatever else an address needs is percent-encoded; a terminal must not get it as it is.
        let is_plain =
            template.chars().all(|character| character.is_ascii_graphic() && !"\"<>\\^`".contains(character));
        (has_host && is_plain && template.contains(TRACE_ID)).then_some(Self { template })
    }

    /// The address of a trace that lies between `start` and `end`, in ns since 1970.
    pub(crate) fn of(&self, trace_id: &str, start: i64, end: i64) -> String {
        const MILLISECOND: i64 = 1_000_000;
        const SECOND: i64 = 1_000 * MILLISECOND;
        let after = |time: i64, unit: i64| time.div_euclid(unit) + i64::from(time.rem_euclid(unit) > 0);
        self.template
            .replace(TRACE_ID, trace_id)
            .replace("{start}", &start.div_euclid(MILLISECOND).to_string())
            .replace("{end}", &after(end, MILLISECOND).to_string())
            .replace("{start_s}", &start.div_euclid(SECOND).to_string())
            .replace("{end_s}", &after(end, SECOND).to_string())
    }
}

impl fmt::Display for TraceUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.template)
    }
}

/// Settings show the address.
impl serde::Serialize for TraceUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.template)
    }
}

/// Makes ids of traces into links, if there is an address and the terminal takes links.
#[derive(Clone, Debug, Default)]
pub(crate) struct TraceLinks {
    /// The address.
    pub url: Option<TraceUrl>,
    /// Between these times lie the traces, in ns since 1970.
    pub between: (i64, i64),
}

impl TraceLinks {
    /// Where a trace can be looked at; empty if that is not known.
    pub(in crate::report) fn address(&self, trace_id: &str) -> String {
        let is_id = !trace_id.is_empty() && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let url = self.url.as_ref().filter(|_| is_id);
        url.map_or(String::new(), |url| url.of(trace_id, self.between.0, self.between.1))
    }

    /// The text, which leads to the trace (OSC 8) if anything does.
    pub(in crate::report) fn linked(&self, trace_id: &str, text: &str) -> String {
        let is_id = !trace_id.is_empty() && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        match &self.url {
            Some(url) if is_id => {
                let address = url.of(trace_id, self.between.0, self.between.1);
                format!("\u{1b}]8;;{address}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\")
            }
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn address(text: &str) -> String {
        TraceUrl::parse(text).unwrap_or_else(|| panic!("{text}")).of(ID, 1_500_000_001, 2_500_000_001)
    }

    #[test]
    fn places_are_filled() {
        assert_eq!(
            address("https://x.example/t/{trace_id}?a={start}&b={end}"),
            format!("https://x.example/t/{ID}?a=1500&b=2501")
        );
        assert_eq!(address("jaeger:http://localhost:16686/"), format!("http://localhost:16686/trace/{ID}"));
        assert_eq!(address("datadog:https://app.datadoghq.com"), format!("https://app.datadoghq.com/apm/trace/{ID}"));
        assert_eq!(address("signoz:https://signoz.example"), format!("https://signoz.example/trace/{ID}"));
        let honeycomb = "https://ui.honeycomb.io/a/environments/b/datasets/c";
        assert_eq!(
            address(&format!("honeycomb:{honeycomb}")),
            format!("{honeycomb}/trace?trace_id={ID}&trace_start_ts=1&trace_end_ts=3")
        );
        let grafana = address("grafana-tempo:https://g.example");
        assert!(
            grafana.starts_with("https://g.example/explore?") && grafana.contains(ID) && grafana.contains("%221500%22")
        );
        assert!(!grafana.contains(['{', '}', ' ']));
    }

    /// Nothing but an address of the web gets onto a terminal.
    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "javascript:alert({trace_id})",
            "file:///{trace_id}",
            "https://x.example/",
            "https:///{trace_id}",
            "https://x.example/{trace_id}\u{1b}\\",
            "https://x.example/ {trace_id}",
            "jaeger:ftp://x.example",
            "jaeger:",
            "zipkin:https://x.example",
            "",
        ] {
            assert_eq!(TraceUrl::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn only_ids_are_linked() {
        let links = TraceLinks { url: TraceUrl::parse("https://x.example/{trace_id}"), between: (0, 0) };
        assert_eq!(links.linked("ab", "text"), "\u{1b}]8;;https://x.example/ab\u{1b}\\text\u{1b}]8;;\u{1b}\\");
        assert_eq!(links.linked("a\u{1b}", "text"), "text");
        assert_eq!(TraceLinks::default().linked("ab", "text"), "text");
    }
}
