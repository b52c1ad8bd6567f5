-- Do services work, or do they wait: how much of the critical path is their own work, network, waiting and pausing?
-- One row a service. All in milliseconds of all requests together: own_ms: its own work; network_ms: between it and the services that it
-- calls; wait_ms: for databases, brokers and hosts outside; backoff_ms: pauses before a call is tried again. own_share: own work, of
-- its four.
WITH times AS (
    SELECT service, sum(CASE WHEN component = 'self' THEN critical_ns ELSE 0 END) AS own_ns,
           sum(CASE WHEN component = 'network' THEN critical_ns ELSE 0 END) AS network_ns,
           sum(CASE WHEN component = 'wait' THEN critical_ns ELSE 0 END) AS wait_ns,
           sum(CASE WHEN component = 'backoff' THEN critical_ns ELSE 0 END) AS backoff_ns, sum(critical_ns) AS all_ns
    FROM latency_attribution
    GROUP BY service
)
SELECT service, all_ns / 1e6 AS all_ms, own_ns / 1e6 AS own_ms, network_ns / 1e6 AS network_ms,
       wait_ns / 1e6 AS wait_ms, backoff_ns / 1e6 AS backoff_ms, own_ns / nullif(all_ns, 0) AS own_share
FROM times
ORDER BY all_ns DESC, service
LIMIT 40;
