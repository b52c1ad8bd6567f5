-- Where does the time of the slowest entry go, and does its tail wait for something else than its median?
WITH slowest AS (
    SELECT entry_service, entry_operation
    FROM 'out/latency_attribution.parquet'
    WHERE entry_kind = 'root'
    GROUP BY ALL
    ORDER BY sum(critical_ns) DESC
    LIMIT 1
)
SELECT service, operation, component, target, round(share, 3) AS share, round(tail_share, 3) AS tail_share
FROM 'out/latency_attribution.parquet' JOIN slowest USING (entry_service, entry_operation)
WHERE entry_kind = 'root'
ORDER BY critical_ns DESC
LIMIT 20;
