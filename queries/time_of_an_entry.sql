-- Where does the time of the entry go that takes most, and does its tail wait for something else than its median?
-- One row for each place on the critical path. component: self (own work), network, wait (for something that is not traced, mostly
-- databases and hosts outside) or backoff (pauses before a call is tried again); ms_per_request: milliseconds of a request in the
-- mean; share: of the entry's time; tail_share: of the time of its slowest requests.
WITH slowest AS (
    SELECT entry_service, entry_operation, requests
    FROM entries
    WHERE entry_kind = 'root'
    ORDER BY duration_ns DESC, entry_service, entry_operation
    LIMIT 1
)
SELECT l.entry_service, l.entry_operation, l.service, l.operation, l.component, l.target,
       l.critical_ns / s.requests / 1e6 AS ms_per_request, l.share,
       l.tail_share, l.example_trace_id
FROM latency_attribution AS l
JOIN slowest AS s ON s.entry_service = l.entry_service AND s.entry_operation = l.entry_operation
WHERE l.entry_kind = 'root'
ORDER BY l.critical_ns DESC, l.rank
LIMIT 20;
