-- Which patterns are there today that were not there yesterday? Pattern ids stay the same from run to run.
SELECT detector, pattern_id, service, operation, target, count(*) AS findings, sum(impact_ns) / 1e6 AS impact_ms
FROM 'today/findings.parquet'
WHERE pattern_id NOT IN (SELECT pattern_id FROM 'yesterday/findings.parquet')
GROUP BY ALL
ORDER BY impact_ms DESC;
