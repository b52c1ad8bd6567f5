//! What `explain not-visible` says.

use crate::report::Page;

const DOCUMENTATION: &str = "\
## What it is

Anti-patterns of distributed systems that books name and that spans cannot show. No detector looks for them: it would guess.

## Why it matters

A report without a row for them says nothing of them. What comes nearest is named, and often another signal or a look at the code
answers the question.

## What it looks like

- Routes without authentication. A request without credentials and one whose credentials were checked in a filter leave the same
  SERVER span; headers are not recorded by default. Nearest: shares of 401 and 403 by route, in a query of your own.
- Unversioned events, missing upcasters, schemas that do not fit. Schema and version are in the payload or its headers;
  `cloudevents.event_type` is set by few SDKs, and there is no attribute for the schema of data. Nearest: errors of
  deserialization as `error_type` in dead-letter.
- Configuration of meshes and gateways: timeouts, outlier detection, rate limits. It is YAML, not behaviour. Nearest: what
  timeouts, circuit-breaker and throttling infer from durations, 429 and 503.
- Tests of happy paths only. Tests are not in production traces. Nearest: origins of failure-amplification that no test covered.
- Shared libraries with business logic, size of code, teams. Not in telemetry. Nearest: joint deployments of distributed-monolith.
- Too few business metrics. Metrics are another signal.
- Stale reads, models of consistency. Values are not recorded. Nearest: the lag of consumer-lag bounds the staleness.
- Idempotency keys that are sent. Headers are not recorded. Nearest: duplicate-message, and `non_idempotent_share` of retry-storm.
- Service discovery, mutual TLS. They lie below the span.

## How to use it

Ask the signal that can answer: access logs for authentication, the schema registry for events, the configuration itself for
limits.

    tracescan query results \"SELECT target, non_idempotent_share FROM retry_storm ORDER BY rank\"

## When it is wrong

Where your instrumentation records more (headers, schema versions), a query over the spans may show what is said here to be
invisible.";

/// The page.
pub(super) fn page() -> Page {
    Page::of_tables(
        "not-visible",
        "anti-patterns that spans cannot show, and what comes nearest",
        DOCUMENTATION,
        Vec::new(),
    )
}
