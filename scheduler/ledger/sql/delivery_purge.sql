-- delivery_purge: forget deliveries that were over before.
-- $1 before timestamptz  $2 most integer
WITH old AS (
    SELECT delivery_id FROM delivery WHERE state <> 'pending' AND updated_at < $1 LIMIT $2
), gone AS (
    DELETE FROM delivery WHERE delivery_id IN (SELECT delivery_id FROM old) RETURNING 1
)
SELECT count(*) AS gone FROM gone;
