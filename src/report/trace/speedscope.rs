//! A trace for speedscope (speedscope.app): a profile of each critical path, whose stacks are the spans from its root down,
//! and one of each lane of each service.
//!
//! The format is that of <https://www.speedscope.app/file-format-schema.json>: profiles of kind `evented`, whose events
//! open and close frames, in the order of time and the last opened closed first.

use std::io::{self, Write};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde_json::{Value, json};

use crate::report::json::write_compact;

use super::lanes::lanes;
use super::shown::{ShownPath, ShownTrace};

/// Writes the profiles.
///
/// # Errors
/// If `out` fails.
pub(crate) fn write_speedscope(out: &mut impl Write, trace: &ShownTrace) -> io::Result<()> {
    let mut frames = Frames::default();
    let names: Vec<usize> =
        trace.spans.iter().map(|span| frames.number(format!("{}: {}", span.service, span.name))).collect();
    let mut profiles: Vec<Value> = trace
        .paths
        .iter()
        .filter(|path| !path.sections.is_empty())
        .map(|path| {
            let root = &trace.spans[path.root];
            profile(&format!("critical path of {} {}", root.service, root.name), events_of_path(trace, path, &names))
        })
        .collect();
    profiles.extend(lanes(&trace.spans).into_iter().map(|lane| {
        let mut events = Events::default();
        let mut open: Vec<usize> = Vec::new();
        for span in lane.spans {
            let start = i128::from(trace.spans[span].start_ns);
            while let Some(last) = open.pop_if(|last| trace.spans[*last].end_ns() <= start) {
                events.close(names[last], trace.spans[last].end_ns());
            }
            events.open(names[span], start);
            open.push(span);
        }
        while let Some(last) = open.pop() {
            events.close(names[last], trace.spans[last].end_ns());
        }
        profile(&format!("{} {}", lane.service, lane.number), events)
    }));
    let document = json!({
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": concat!("tracescan ", env!("CARGO_PKG_VERSION")),
        "name": format!("trace {}", trace.trace_id),
        "activeProfileIndex": 0,
        "shared": { "frames": frames.names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>() },
        "profiles": profiles,
    });
    write_compact(out, &document)?;
    out.write_all(b"\n")
}

fn profile(name: &str, events: Events) -> Value {
    json!({
        "type": "evented", "name": name, "unit": "nanoseconds",
        "startValue": events.first, "endValue": events.last, "events": events.events,
    })
}

/// Names of frames, each once.
#[derive(Default)]
struct Frames {
    names: Vec<String>,
    numbers: HashMap<String, usize, FixedState>,
}

impl Frames {
    fn number(&mut self, name: String) -> usize {
        let next = self.names.len();
        *self.numbers.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            next
        })
    }
}

/// Events in the order of time.
#[derive(Default)]
struct Events {
    events: Vec<Value>,
    first: i64,
    last: i64,
}

impl Events {
    fn open(&mut self, frame: usize, at: i128) {
        self.push("O", frame, at);
    }

    fn close(&mut self, frame: usize, at: i128) {
        self.push("C", frame, at);
    }

    fn push(&mut self, kind: &str, frame: usize, at: i128) {
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        if self.events.is_empty() {
            (self.first, self.last) = (at, at);
        }
        // Times of damaged inputs may go back.
        self.last = self.last.max(at);
        self.events.push(json!({ "type": kind, "frame": frame, "at": self.last }));
    }
}

/// The stacks along a path.
fn events_of_path(trace: &ShownTrace, path: &ShownPath, names: &[usize]) -> Events {
    let mut events = Events::default();
    let mut open: Vec<usize> = Vec::new();
    // Where each of them stands, so that nobody climbs to the root for each section of a deep trace.
    let mut places: HashMap<usize, usize> = HashMap::new();
    let mut end = 0;
    for section in &path.sections {
        let mut new = Vec::new();
        let mut next = Some(section.span);
        let mut common = 0;
        while let Some(span) = next {
            if let Some(&place) = places.get(&span) {
                common = place + 1;
                break;
            }
            new.push(span);
            // Above the root nobody waits.
            next = if span == path.root { None } else { trace.spans[span].parent };
        }
        for span in open.drain(common..).rev() {
            places.remove(&span);
            events.close(names[span], section.start_ns.into());
        }
        for span in new.into_iter().rev() {
            events.open(names[span], section.start_ns.into());
            places.insert(span, open.len());
            open.push(span);
        }
        end = section.end_ns;
    }
    for span in open.into_iter().rev() {
        events.close(names[span], end.into());
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::trace::shown::samples::trace;

    /// What the schema asks for is there, and whatever is opened is closed, the last one first, in the order of time.
    #[test]
    fn profiles_are_as_the_schema_says() {
        let mut out = Vec::new();
        write_speedscope(&mut out, &trace()).unwrap();
        let document: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(document["$schema"], "https://www.speedscope.app/file-format-schema.json");
        let frames = document["shared"]["frames"].as_array().unwrap();
        assert!(frames.iter().all(|frame| frame["name"].is_string()));
        let profiles = document["profiles"].as_array().unwrap();
        assert!(document["activeProfileIndex"].as_u64().unwrap() < profiles.len() as u64);
        for profile in profiles {
            assert_eq!((&profile["type"], &profile["unit"]), (&json!("evented"), &json!("nanoseconds")));
            assert!(profile["name"].is_string());
            let (start, end) = (profile["startValue"].as_i64().unwrap(), profile["endValue"].as_i64().unwrap());
            let (mut open, mut time) = (Vec::new(), start);
            for event in profile["events"].as_array().unwrap() {
                let (frame, at) = (event["frame"].as_u64().unwrap(), event["at"].as_i64().unwrap());
                assert!((frame as usize) < frames.len() && time <= at && at <= end, "{event}");
                time = at;
                match event["type"].as_str().unwrap() {
                    "O" => open.push(frame),
                    "C" => assert_eq!(open.pop(), Some(frame)),
                    other => panic!("{other}"),
                }
            }
            assert!(open.is_empty());
        }
        // The first is the critical path of the request, as long as that is.
        assert_eq!(profiles[0]["name"], "critical path of web GET /cart");
        assert_eq!(
            profiles[0]["endValue"].as_i64().unwrap() - profiles[0]["startValue"].as_i64().unwrap(),
            100_000_000
        );
    }
}
