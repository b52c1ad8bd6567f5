-- Can these numbers be trusted: what was read, what was left out, and what is said to be doubtful?
-- One row a figure of run.json: how much was read, everything about the quality of the data that is not zero, and each caution in words.
SELECT section, name, value, text
FROM run
WHERE (section = 'totals' AND name IN ('spans', 'traces', 'services', 'roots', 'failed_roots', 'first_start', 'last_end'))
   OR (section = 'quality' AND value > 0)
   OR (section = 'inputs' AND (name LIKE '%.errors.%' OR name LIKE '%.cautions.%' OR name LIKE '%.skipped.%'))
   OR section = 'cautions'
ORDER BY section, name;
