-- In which order should problems be mended, how much do the first ones hold together, and what goes away with each?
-- One row a problem, the list to work down. added_ms: milliseconds of request time that it saves once all above it are done, of all
-- requests together; so_far_share: what it and all above it save, of all that can be saved; added_failures: requests that would not have
-- failed any more; explains: problems that it is the cause of, which go with it.
WITH explained AS (
    SELECT explained_by, count(*) AS problems
    FROM problems
    WHERE explained_by <> ''
    GROUP BY explained_by
),
savings AS (
    SELECT rank, sum(beyond_saving_ns) OVER (ORDER BY rank ROWS UNBOUNDED PRECEDING) AS so_far_ns,
           sum(beyond_saving_ns) OVER () AS all_ns
    FROM problems
)
SELECT p.rank, p.service, p.title, p.beyond_saving_ns / 1e6 AS added_ms,
       s.so_far_ns / nullif(s.all_ns, 0) AS so_far_share, p.beyond_failed_requests AS added_failures,
       coalesce(e.problems, 0) AS explains, p.example_trace_id
FROM problems AS p
JOIN savings AS s ON s.rank = p.rank
LEFT JOIN explained AS e ON e.explained_by = p.pattern_id
WHERE p.explained_by = ''
ORDER BY p.rank
LIMIT 20;
