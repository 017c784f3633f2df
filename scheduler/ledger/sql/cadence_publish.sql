-- cadence_publish: the version before, or none, gives way to the one that was added; a draft becomes active.
-- $1 account_id bigint  $2 cadence_id bigint  $3 version integer  $4 now timestamptz
-- Rows: cadence_id when it was changed
UPDATE cadence
SET version = $3, draft_dirty = false, status = CASE WHEN status = 'draft' THEN 'active' ELSE status END,
    draft_version = draft_version + 1, updated_at = $4
WHERE account_id = $1 AND cadence_id = $2 AND coalesce(version, 0) = $3 - 1 AND status <> 'archived'
RETURNING cadence_id;
