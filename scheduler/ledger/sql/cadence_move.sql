-- cadence_move: from one of the states it may leave into another.
-- $1 account_id bigint  $2 cadence_id bigint  $3 leaving text[]  $4 status text  $5 now timestamptz
-- Rows: cadence_id when it was moved
UPDATE cadence
SET status = $4, draft_version = draft_version + 1, updated_at = $5
WHERE account_id = $1 AND cadence_id = $2 AND status = ANY($3::text[])
RETURNING cadence_id;
