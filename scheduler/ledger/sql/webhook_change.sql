-- webhook_change: set the fields that `changes` names; with another status or address it is as if nothing had failed.
-- Whoever holds its lease loses it, so that the change holds from the next round on.
-- $1 account_id bigint  $2 webhook_id bigint  $3 changes jsonb  $4 now timestamptz
UPDATE webhook
SET url = coalesce($3::jsonb ->> 'url', url),
    types = CASE WHEN $3::jsonb ? 'types'
                 THEN ARRAY(SELECT jsonb_array_elements_text($3::jsonb -> 'types')) ELSE types END,
    mode = coalesce($3::jsonb ->> 'mode', mode),
    status = coalesce($3::jsonb ->> 'status', status),
    disabled_at = CASE WHEN $3::jsonb ? 'status' THEN NULL ELSE disabled_at END,
    disabled_reason = CASE WHEN $3::jsonb ? 'status' THEN NULL ELSE disabled_reason END,
    failures = CASE WHEN $3::jsonb ?| ARRAY['status', 'url'] THEN 0 ELSE failures END,
    failing_since = CASE WHEN $3::jsonb ?| ARRAY['status', 'url'] THEN NULL ELSE failing_since END,
    next_at = $4,
    takes = takes + 1,
    leased_until = '-infinity',
    updated_at = $4
WHERE account_id = $1
  AND webhook_id = $2;
