-- export_count: how many exports the account keeps.
-- $1 account_id bigint  $2 now timestamptz  $3 created tstzrange
SELECT count(*) AS count FROM export WHERE account_id = $1 AND expires_at > $2 AND created_at <@ $3::tstzrange;
