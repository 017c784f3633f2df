-- breaker_open: nothing gets through there any more. The first one who finds it says when it is tried.
-- $1 kind text  $2 id bigint  $3 account_id bigint  $4 reason text  $5 now timestamptz  $6 probe_at timestamptz
INSERT INTO breaker (kind, id, account_id, reason, opened_at, probe_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (kind, id) DO NOTHING;
