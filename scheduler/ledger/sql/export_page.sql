-- export_page: a page of the account's exports that are still kept, with their jobs; by id when export_ids are given.
-- $1 account_id bigint  $2 export_ids bigint[] (null: all)  $3 after bigint (null: from the start)  $4 descending
-- boolean  $5 limit integer  $6 created tstzrange  $7 now timestamptz
SELECT e.export_id, e.job_id, e.kind, e.format, e.filter, e.name, e.rows, e.bytes, e.parts, e.created_at, e.updated_at,
       e.expires_at, j.status, j.done, j.total, j.error
FROM export AS e
JOIN job AS j USING (account_id, job_id)
WHERE e.account_id = $1
  AND e.expires_at > $7
  AND ($2::bigint[] IS NULL OR e.export_id = ANY($2::bigint[]))
  AND ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN e.export_id < $3 ELSE e.export_id > $3 END)
  AND e.created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4::boolean THEN -e.export_id ELSE e.export_id END
LIMIT $5;
