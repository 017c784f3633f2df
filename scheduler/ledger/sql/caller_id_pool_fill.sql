-- caller_id_pool_fill: put the account's numbers into an empty pool, in the order given.
-- $1 account_id bigint  $2 caller_id_pool_id bigint  $3 caller_id_ids bigint[]
-- Rows: caller_id_id of those put in: not of what is no number of the account
INSERT INTO caller_id_member (caller_id_id, account_id, caller_id_pool_id, position)
SELECT c.caller_id_id, c.account_id, $2, n.position
FROM unnest($3::bigint[]) WITH ORDINALITY AS n (caller_id_id, position)
JOIN caller_id AS c USING (caller_id_id)
WHERE c.account_id = $1
RETURNING caller_id_id;
