//! Spans in lanes, in each of which they enclose each other or come one after the other.
//!
//! Programs that draw traces know stacks: what is drawn in a lane must begin and end within what is around it. Spans do
//! neither: siblings overlap, and children outlive their parents. So each service has as many lanes as it takes.

use super::shown::ShownSpan;

/// A lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    /// The service.
    pub(super) service: String,
    /// Which of the service's lanes it is, from 1.
    pub(super) number: usize,
    /// The places of its spans, by start, those that enclose others first.
    pub(super) spans: Vec<usize>,
}

/// The lanes of services in the order in which these are first seen.
pub(super) fn lanes(spans: &[ShownSpan]) -> Vec<Lane> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&span| (spans[span].start_ns, std::cmp::Reverse(spans[span].end_ns()), span));
    let mut services: Vec<&str> = Vec::new();
    let mut places = hashbrown::HashMap::new();
    for span in spans {
        places.entry(span.service.as_str()).or_insert_with(|| {
            services.push(&span.service);
            services.len() - 1
        });
    }
    // The ends of the spans that are open in each lane, the outermost first.
    let mut lanes: Vec<Vec<(Lane, Vec<i128>)>> = vec![Vec::new(); services.len()];
    for span in order {
        let of_service = &mut lanes[places[spans[span].service.as_str()]];
        let (start, end) = (i128::from(spans[span].start_ns), spans[span].end_ns());
        let has_room = |(_, open): &mut (Lane, Vec<i128>)| {
            while open.last().is_some_and(|&end| end <= start) {
                open.pop();
            }
            open.last().is_none_or(|&around| end <= around)
        };
        let place = match of_service.iter_mut().position(has_room) {
            Some(place) => place,
            None => {
                let number = of_service.len() + 1;
                let lane = Lane { service: spans[span].service.clone(), number, spans: Vec::new() };
                of_service.push((lane, Vec::new()));
                number - 1
            }
        };
        let (lane, open) = &mut of_service[place];
        lane.spans.push(span);
        open.push(end);
    }
    lanes.into_iter().flatten().map(|(lane, _)| lane).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(service: &str, start_ns: i64, end_ns: i64) -> ShownSpan {
        ShownSpan { service: service.to_owned(), start_ns, duration_ns: end_ns - start_ns, ..ShownSpan::default() }
    }

    #[test]
    fn spans_of_a_lane_enclose_each_other_or_follow() {
        let spans = [
            span("web", 0, 100),
            span("web", 10, 30),
            span("web", 20, 40),
            span("web", 40, 40),
            span("cart", 5, 7),
            span("web", 90, 120),
            span("web", 0, 100),
        ];
        let lane = |service: &str, number, spans: &[usize]| Lane {
            service: service.to_owned(),
            number,
            spans: spans.to_vec(),
        };
        assert_eq!(lanes(&spans), [lane("web", 1, &[0, 6, 1, 3]), lane("web", 2, &[2, 5]), lane("cart", 1, &[4])]);
        let many: Vec<ShownSpan> = (0..500).map(|n: i64| span("a", n * 37 % 101, n * 37 % 101 + n * 13 % 29)).collect();
        let mut seen = 0;
        for Lane { spans: places, .. } in lanes(&many) {
            seen += places.len();
            let mut open: Vec<i128> = Vec::new();
            for place in places {
                while open.last().is_some_and(|&end| end <= i128::from(many[place].start_ns)) {
                    open.pop();
                }
                assert!(open.last().is_none_or(|&end| many[place].end_ns() <= end));
                open.push(many[place].end_ns());
            }
        }
        assert_eq!(seen, 500);
    }
}
