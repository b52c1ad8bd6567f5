-- Which N+1 should be fixed first, and how many milliseconds would a request gain?
SELECT caller_service, caller_operation, target, operation, shape, traces,
       round(saving_ns / traces / 1e6, 2) AS saved_ms_per_trace
FROM 'out/n_plus_one.parquet'
WHERE NOT induced AND caller_service <> '*'
ORDER BY saving_ns DESC
LIMIT 20;
