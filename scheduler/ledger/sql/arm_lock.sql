-- arm_lock: the leads of these loops, locked in id order. The first of the arm's two statements: what the
-- second one reads is what was committed before the locks were had. A rebuild of one of these shards waits for
-- this transaction, or this one for it: the second statement then knows of its epoch.
-- $1 loop_ids bigint[]  $2 lock integer: WHEEL_LOCK  $3 shards integer[]
SELECT le.lead_id
FROM (SELECT count(pg_advisory_xact_lock_shared($2::integer, shard))
      FROM unnest($3::integer[]) AS shard) AS whole,
     lead AS le
WHERE le.lead_id IN (SELECT lo.lead_id FROM loop AS lo WHERE lo.loop_id = ANY($1::bigint[]))
ORDER BY le.lead_id
FOR NO KEY UPDATE OF le;
