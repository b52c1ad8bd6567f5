-- Which N+1 should be fixed first, and how many milliseconds would a request gain?
-- saved_ms: milliseconds of all requests together; saved_ms_per_request: of each that has it; calls_p50 and calls_max: calls of one
-- request. Loops that another problem makes (induced) are left out, because they go with it.
SELECT n.caller_service, n.caller_operation, n.target, n.operation, n.shape, p.requests, n.calls_p50, n.calls_max,
       p.saving_ns / 1e6 AS saved_ms, p.saving_per_request_ns / 1e6 AS saved_ms_per_request,
       n.example_trace_id
FROM n_plus_one AS n
JOIN problems AS p ON p.pattern_id = n.pattern_id
WHERE NOT n.induced
ORDER BY p.saving_ns DESC, n.rank
LIMIT 20;
