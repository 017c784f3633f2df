-- delivery_create: deliveries of one webhook, in the order given.
-- $1 account_id bigint  $2 webhook_id bigint  $3 kind text  $4 types text[]  $5 after_seqs bigint[]
-- $6 events integer[]  $7 lead_ids bigint[]  $8 now timestamptz
INSERT INTO delivery (account_id, webhook_id, kind, types, after_seq, events, lead_id, next_at, created_at, updated_at)
SELECT $1, $2, $3, $4, d.after_seq, d.events, d.lead_id, $8, $8, $8
FROM unnest($5::bigint[], $6::integer[], $7::bigint[]) WITH ORDINALITY AS d (after_seq, events, lead_id, n)
ORDER BY d.n;
