-- Which problems are there today that were not there yesterday?
-- Asks two runs: tracescan query today -f queries/new_since_yesterday.sql --with before=yesterday. Ids of patterns stay the same from
-- run to run. requests_yesterday: requests yesterday of the entries that have it today; where they are 0, it may have been there
-- unseen. saved_ms: milliseconds of request time of all requests together.
WITH seen AS (
    SELECT e.pattern_id, sum(b.requests) AS requests
    FROM pattern_entries AS e
    JOIN before.entries AS b
        ON b.entry_kind = e.entry_kind AND b.entry_service = e.entry_service AND b.entry_operation = e.entry_operation
    GROUP BY e.pattern_id
)
SELECT p.rank, p.detector, p.service, p.title, p.requests, coalesce(s.requests, 0) AS requests_yesterday,
       p.saving_ns / 1e6 AS saved_ms, p.failed_requests, p.first_seen, p.example_trace_id, p.pattern_id
FROM problems AS p
LEFT JOIN before.problems AS old ON old.pattern_id = p.pattern_id
LEFT JOIN seen AS s ON s.pattern_id = p.pattern_id
WHERE old.pattern_id IS NULL
ORDER BY p.rank
LIMIT 30;
