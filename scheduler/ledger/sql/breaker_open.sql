-- breaker_open: nothing gets through there any more. The first one who finds it says when it is tried, and tells.
-- $1 kind text  $2 id bigint  $3 account_id bigint  $4 reason text  $5 now timestamptz  $6 probe_at timestamptz
WITH opened AS (
    INSERT INTO breaker (kind, id, account_id, reason, opened_at, probe_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (kind, id) DO NOTHING
    RETURNING kind, id, account_id, reason
)
INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids, extra)
SELECT account_id, 'system.degraded', $5, ARRAY[id], '{}', '{}',
       json_build_object('component', 'breaker', 'kind', CASE kind WHEN 't' THEN 'trunk' ELSE 'agent' END,
                         'detail', reason)
FROM opened;
