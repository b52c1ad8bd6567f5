-- Which dependencies fail, and which entries suffer?
-- One row for each thing that was called in vain (or service that failed by itself) and entry whose requests met it. failures: spans that
-- failed, of all entries; requests: requests of this entry that met it; entry_share: their share of its requests; failed_requests: of
-- all entries, those that failed because of it.
WITH failing AS (
    SELECT pattern_id, coalesce(nullif(origin_target, ''), origin_service) AS dependency, error_type, failures, entry_failures
    FROM failure_origins
)
SELECT f.dependency, f.error_type, f.failures, f.entry_failures AS failed_requests, e.entry_service, e.entry_operation, e.requests,
       e.requests / n.requests AS entry_share
FROM failing AS f
JOIN pattern_entries AS e ON e.pattern_id = f.pattern_id
JOIN entries AS n
    ON n.entry_kind = e.entry_kind AND n.entry_service = e.entry_service AND n.entry_operation = e.entry_operation
ORDER BY f.entry_failures DESC, f.failures DESC, f.dependency, f.pattern_id, e.requests DESC, e.entry_service, e.entry_operation
LIMIT 30;
