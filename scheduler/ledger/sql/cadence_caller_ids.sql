-- cadence_caller_ids: caller ids of an account by number or by phone, for the steps that name them.
-- $1 account_id bigint  $2 caller_id_ids bigint[]  $3 phones text[]
SELECT caller_id_id, phone
FROM caller_id
WHERE account_id = $1 AND (caller_id_id = ANY($2::bigint[]) OR phone = ANY($3::text[]));
