-- Whose problems are these: how much can each service's owner win?
-- One row a service (the caller, entry or origin; * is several together). own: problems that no other explains; added_ms: milliseconds
-- of all request time that mending them saves, one after the other; added_failures: requests that would not have failed; wasted_ms:
-- work that nobody used; first: the one to begin with.
WITH mine AS (
    SELECT service, count(*) AS problems, sum(CASE WHEN explained_by = '' THEN 1 ELSE 0 END) AS own,
           sum(beyond_saving_ns) AS added_ns, sum(beyond_failed_requests) AS added_failures, sum(wasted_ns) AS wasted_ns,
           min(rank) AS first_rank
    FROM problems
    GROUP BY service
)
SELECT m.service, m.problems, m.own, m.added_ns / 1e6 AS added_ms, m.added_failures,
       m.wasted_ns / 1e6 AS wasted_ms, p.title AS first, p.example_trace_id
FROM mine AS m
JOIN problems AS p ON p.rank = m.first_rank
ORDER BY m.added_ns DESC, m.added_failures DESC, m.service
LIMIT 30;
