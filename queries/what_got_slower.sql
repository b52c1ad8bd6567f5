-- Which entries got slower since yesterday, and where is the time that was added?
-- Asks two runs: tracescan query today -f queries/what_got_slower.sql --with before=yesterday. One row for each place whose time grew
-- by more than a hundredth of its entry's mean duration. was_ms and is_ms: milliseconds of a request of the entry in the mean;
-- place_was_ms and place_is_ms: what of that is spent there.
WITH now AS (
    SELECT l.entry_service, l.entry_operation, l.service, l.operation, l.component, l.target,
           sum(l.critical_ns) / min(e.requests) / 1e6 AS place_ms
    FROM latency_attribution AS l
    JOIN entries AS e
        ON e.entry_kind = l.entry_kind AND e.entry_service = l.entry_service AND e.entry_operation = l.entry_operation
    WHERE l.entry_kind = 'root'
    GROUP BY l.entry_service, l.entry_operation, l.service, l.operation, l.component, l.target
),
past AS (
    SELECT l.entry_service, l.entry_operation, l.service, l.operation, l.component, l.target,
           sum(l.critical_ns) / min(e.requests) / 1e6 AS place_ms
    FROM before.latency_attribution AS l
    JOIN before.entries AS e
        ON e.entry_kind = l.entry_kind AND e.entry_service = l.entry_service AND e.entry_operation = l.entry_operation
    WHERE l.entry_kind = 'root'
    GROUP BY l.entry_service, l.entry_operation, l.service, l.operation, l.component, l.target
),
means AS (
    SELECT e.entry_service, e.entry_operation, e.duration_ns / e.requests / 1e6 AS is_ms, b.duration_ns / b.requests / 1e6 AS was_ms
    FROM entries AS e
    JOIN before.entries AS b
        ON b.entry_kind = e.entry_kind AND b.entry_service = e.entry_service AND b.entry_operation = e.entry_operation
    WHERE e.entry_kind = 'root' AND e.requests > 0 AND b.requests > 0
),
places AS (
    SELECT n.entry_service, n.entry_operation, n.service, n.operation, n.component, n.target, n.place_ms AS place_is_ms,
           coalesce(p.place_ms, 0) AS place_was_ms, n.place_ms - coalesce(p.place_ms, 0) AS added_ms
    FROM now AS n
    LEFT JOIN past AS p
        ON p.entry_service = n.entry_service AND p.entry_operation = n.entry_operation AND p.service = n.service
        AND p.operation = n.operation AND p.component = n.component AND p.target = n.target
)
SELECT m.entry_service, m.entry_operation, m.was_ms, m.is_ms, w.service, w.operation,
       w.component, w.target, w.place_was_ms, w.place_is_ms
FROM means AS m
JOIN places AS w ON w.entry_service = m.entry_service AND w.entry_operation = m.entry_operation
WHERE m.is_ms > m.was_ms AND w.added_ms > 0.01 * m.is_ms
ORDER BY m.is_ms - m.was_ms DESC, m.entry_service, m.entry_operation, w.added_ms DESC, w.service, w.operation, w.component, w.target
LIMIT 30;
