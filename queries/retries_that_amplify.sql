-- Which retries make an incident worse, and what do they waste?
-- attempts_max: attempts of one call; amplification_max: attempts of all layers together for one request; recovered_share: sequences that
-- succeeded in the end; not_safe_share: those that repeat what must not be done twice (POST and the like); waited_ms: milliseconds that
-- requests lost to attempts and pauses, all together; wasted_ms: work that failed and nobody used.
SELECT r.caller_service, r.target, r.operation, r.sequences, r.attempts_max, r.amplification_max, r.layers_max AS layers, r.backoff,
       r.recovered_share, r.non_idempotent_share AS not_safe_share,
       r.critical_ns / 1e6 AS waited_ms, p.wasted_ns / 1e6 AS wasted_ms, r.example_trace_id
FROM retry_storm AS r
JOIN problems AS p ON p.pattern_id = r.pattern_id
ORDER BY r.amplification_max DESC, p.wasted_ns DESC, r.rank
LIMIT 20;
