-- enrol_suppressed: which of these numbers may not be called.
-- $1 account_id bigint  $2 phones text[]  $3 marks text[]: their keyed hashes
SELECT phone FROM suppression WHERE account_id = $1 AND phone = ANY($2::text[])
UNION ALL
SELECT g.phone
FROM unnest($2::text[], $3::text[]) AS g (phone, mark)
JOIN suppression_mark AS m ON m.account_id = $1 AND m.mark = g.mark;
