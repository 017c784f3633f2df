-- import_batch: the batch of this name, made or taken up again. One that is paused or canceled stays so.
-- $1 account_id bigint  $2 agent_id bigint  $3 name text  $4 priority text  $5 throttle jsonb (as text)
-- $6 now timestamptz
-- Rows: batch_id, agent_id, status
INSERT INTO batch (account_id, agent_id, name, priority, throttle, status, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5::text::json, 'ingesting', $6, $6)
ON CONFLICT (account_id, name) DO UPDATE
SET status = CASE WHEN batch.status IN ('paused', 'canceled') THEN batch.status ELSE 'ingesting' END,
    throttle = (batch.throttle::jsonb || excluded.throttle::jsonb)::json,
    updated_at = excluded.updated_at
RETURNING batch_id, agent_id, status;
