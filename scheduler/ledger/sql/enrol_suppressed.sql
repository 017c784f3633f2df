-- enrol_suppressed: which of these numbers may not be called.
-- $1 account_id bigint  $2 phones text[]
SELECT phone FROM suppression WHERE account_id = $1 AND phone = ANY($2::text[]);
