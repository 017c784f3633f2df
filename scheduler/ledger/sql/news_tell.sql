-- news_tell: what happened, in the transaction in which it does, one row for each group in the order given.
-- $1 account_ids bigint[]  $2 types text[]  $3 ids text[]  $4 lead_ids text[]  $5 batch_ids text[] (each an array
-- literal of bigints)  $6 extras text[] (JSON)  $7 now timestamptz
INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids, extra)
SELECT n.account_id, n.type, $7, n.ids::bigint[], n.lead_ids::bigint[], n.batch_ids::bigint[], n.extra::json
FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS n (account_id, type, ids, lead_ids, batch_ids, extra);
