-- callback_asked: people asked in calls to be called again; their open callbacks are closed before this.
-- $1 account_ids bigint[]  $2 lead_ids bigint[]  $3 loop_ids bigint[]  $4 attempt_ids bigint[]  $5 ats timestamptz[]
-- $6 source text  $7 now timestamptz
-- Rows: callback_id, account_id, lead_id
INSERT INTO callback (account_id, lead_id, loop_id, attempt_id, at, source, created_at, updated_at)
SELECT c.account_id, c.lead_id, c.loop_id, c.attempt_id, c.at, $6, $7, $7
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::timestamptz[])
    AS c (account_id, lead_id, loop_id, attempt_id, at)
RETURNING callback_id, account_id, lead_id;
