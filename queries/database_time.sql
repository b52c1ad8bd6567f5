-- Which database operations hold requests up most?
-- One row for each database and statement on the critical path, whichever entries come by. waited_ms: milliseconds that requests waited
-- for it, all together; time_share: of the time of all requests; entries: how many of them wait for it; p99_ms: the worst 99th
-- percentile of one request's wait, of all entries. Databases are called system/name@host; brokers of messages are left out.
WITH totals AS (
    SELECT sum(critical_ns) AS all_ns FROM latency_attribution
)
SELECT l.target, l.operation, sum(l.critical_ns) / 1e6 AS waited_ms,
       sum(l.critical_ns) / nullif(max(t.all_ns), 0) AS time_share, count(*) AS entries, max(l.p99_ns) / 1e6 AS p99_ms
FROM latency_attribution AS l
CROSS JOIN totals AS t
WHERE l.component = 'wait' AND l.target LIKE '%/%' AND split_part(l.target, '/', 1) NOT IN ('kafka', 'rabbitmq', 'aws_sqs', 'gcp_pubsub')
GROUP BY l.target, l.operation
ORDER BY waited_ms DESC, target, operation
LIMIT 20;
