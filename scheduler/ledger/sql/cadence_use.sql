-- cadence_use: leads are about to be enrolled in these active cadences: from now on they were used.
-- $1 cadence_ids bigint[]
UPDATE cadence
SET used = true
WHERE cadence_id = ANY($1::bigint[])
  AND status = 'active'
  AND NOT used;
