//! Spans in lanes, in each of which they enclose each other or come one after the other.
//!
//! Programs that draw traces know stacks: what is drawn in a lane must begin and end within what is around it. Spans do
//! neither: siblings overlap, and children outlive their parents. So each service has as many lanes as it takes.

use std::collections::BTreeSet;

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
    let mut lanes: Vec<LanesOfService> = vec![LanesOfService::default(); services.len()];
    for span in order {
        let of_service = &mut lanes[places[spans[span].service.as_str()]];
        let place = of_service.place_for(spans[span].start_ns.into(), spans[span].end_ns());
        let number = place + 1;
        if of_service.lanes.len() < number {
            of_service.lanes.push(Lane { service: spans[span].service.clone(), number, spans: Vec::new() });
        }
        of_service.lanes[place].spans.push(span);
    }
    lanes.into_iter().flat_map(|of_service| of_service.lanes).collect()
}

/// The lanes of one service while spans are put into them, by start.
#[derive(Clone, Debug, Default)]
struct LanesOfService {
    lanes: Vec<Lane>,
    /// The ends of the spans that are open in each lane, the outermost first.
    open: Vec<Vec<i128>>,
    /// The innermost end of each lane that has an open span, with the lane: a trace may take as many lanes as it has spans, so
    /// they are not looked through.
    innermost: BTreeSet<(i128, usize)>,
    /// Lanes without open spans.
    free: BTreeSet<usize>,
}

impl LanesOfService {
    /// The lane for a span: that in which the least is around it, else the first that is free, else a new one.
    fn place_for(&mut self, start: i128, end: i128) -> usize {
        while let Some(&(ended, place)) = self.innermost.first().filter(|&&(ended, _)| ended <= start) {
            self.innermost.remove(&(ended, place));
            self.open[place].pop();
            match self.open[place].last() {
                Some(&around) => _ = self.innermost.insert((around, place)),
                None => _ = self.free.insert(place),
            }
        }
        let around = self.innermost.range((end, 0)..).next().copied();
        let place = match around {
            Some((around, place)) => {
                self.innermost.remove(&(around, place));
                place
            }
            None => self.free.pop_first().unwrap_or(self.open.len()),
        };
        if place == self.open.len() {
            self.open.push(Vec::new());
        }
        self.open[place].push(end);
        self.innermost.insert((end, place));
        place
    }
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
