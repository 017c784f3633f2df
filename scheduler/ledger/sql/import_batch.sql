-- import_batch: the batch of this name, made or taken up again; what is stated of its pace and its cadence holds from
-- now on. One that is paused or canceled stays so.
-- $1 account_id bigint  $2 agent_id bigint  $3 name text  $4 priority text  $5 throttle text (JSON)
-- $6 now timestamptz  $7 cadence_id bigint
-- Rows: batch_id, agent_id, status, throttle, throttle_before (null for a new one), rows_before (of other files)
WITH was AS (
    SELECT throttle FROM batch WHERE account_id = $1 AND name = $3 FOR NO KEY UPDATE
)
INSERT INTO batch (account_id, agent_id, name, priority, throttle, status, created_at, updated_at,
                   cadence_id)
VALUES ($1, $2, $3, $4, $5::json, 'ingesting', $6, $6, $7)
ON CONFLICT (account_id, name) DO UPDATE
SET status = CASE WHEN batch.status IN ('paused', 'canceled') THEN batch.status ELSE 'ingesting' END,
    throttle = (batch.throttle::jsonb || excluded.throttle::jsonb)::json,
    cadence_id = coalesce(excluded.cadence_id, batch.cadence_id), updated_at = excluded.updated_at
RETURNING batch_id, agent_id, status, throttle, (SELECT was.throttle FROM was) AS throttle_before,
          (SELECT coalesce(sum(i.rows), 0)::bigint FROM import AS i WHERE i.batch_id = batch.batch_id) AS rows_before;
