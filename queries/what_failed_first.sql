-- What failed first, and what made most requests fail?
-- One row for each place where failures begin, in the order in which they began. failures: spans that failed there by themselves;
-- failed_requests: requests that failed because of them; coped_share: the share that a caller absorbed; peak_share: the largest share of
-- calls that failed within ten seconds (empty if there were too few).
SELECT onset_rank, first_seen, origin_service, origin_operation, origin_target, error_type, message, failures,
       entry_failures AS failed_requests, absorbed_share AS coped_share, peak_share,
       example_trace_id
FROM failure_origins
ORDER BY onset_rank
LIMIT 20;
