-- Which traces should I open to see what is wrong with my service?
-- One row a trace and service, the one with most in it first. Of all services; for one, let asked be SELECT 'orders' AS service.
-- findings: how many were made there about the service; detectors: how many detectors made them; detector: the first of these by
-- name; impact_ms: milliseconds that findings claim in sum, which may overlap; first_seen: when the first began.
WITH asked AS (
    SELECT DISTINCT service FROM findings
),
of_detector AS (
    SELECT f.service, f.trace_id, f.detector, count(*) AS findings, sum(f.impact_ns) AS impact_ns, min(f.start_time) AS first_seen
    FROM findings AS f
    JOIN asked AS a ON a.service = f.service
    GROUP BY f.service, f.trace_id, f.detector
)
SELECT service, trace_id, sum(findings) AS findings, count(*) AS detectors, min(detector) AS detector,
       sum(impact_ns) / 1e6 AS impact_ms, min(first_seen) AS first_seen
FROM of_detector
GROUP BY service, trace_id
ORDER BY impact_ms DESC, service, trace_id
LIMIT 20;
