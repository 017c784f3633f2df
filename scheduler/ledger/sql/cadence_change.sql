-- cadence_change: what people edit; not of an archived one, nor of one that was changed since that draft_version.
-- $1 account_id bigint  $2 cadence_id bigint  $3 draft_version bigint  $4 name text  $5 description text
-- $6 draft json  $7 draft_dirty boolean  $8 now timestamptz  $9 step_times json
-- Rows: cadence_id when it was changed
UPDATE cadence
SET name = $4, description = $5, draft = $6, draft_dirty = $7, step_times = $9, draft_version = draft_version + 1,
    updated_at = $8
WHERE account_id = $1 AND cadence_id = $2 AND draft_version = $3 AND status <> 'archived'
RETURNING cadence_id;
