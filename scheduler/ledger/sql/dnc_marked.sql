-- dnc_marked: which of these numbers are those of people who asked not to be called and were erased.
-- $1 account_id bigint  $2 phones text[]  $3 marks text[]: their keyed hashes
-- Rows: phone
SELECT g.phone
FROM unnest($2::text[], $3::text[]) AS g (phone, mark)
JOIN suppression_mark AS m ON m.account_id = $1 AND m.mark = g.mark;
