-- enrol_find: the leads that rows of a file may mean, not locked: for a rehearsal.
-- $1 account_id bigint  $2 phones text[]  $3 external_ids text[]
SELECT lead_id FROM lead WHERE account_id = $1 AND phone = ANY($2::text[])
UNION
SELECT lead_id FROM lead WHERE account_id = $1 AND external_id = ANY($3::text[]);
