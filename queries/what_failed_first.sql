-- What failed first, and what made most requests fail?
SELECT onset_rank, first_seen, origin_service, origin_operation, origin_target, error_type, message, failures, entry_failures,
    round(peak_share, 3) AS peak_share, peak_start
FROM 'out/failure_origins.parquet'
ORDER BY onset_rank
LIMIT 20;
