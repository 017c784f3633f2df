-- import_terms: how the parts of a file are read, and where they go.
-- $1 account_id bigint  $2 import_id bigint
SELECT i.status, i.batch_id, i.terms, coalesce(i.size, 0) AS size,
       (SELECT count(*) FROM import_part AS p WHERE p.account_id = $1 AND p.import_id = $2) AS parts,
       (SELECT coalesce(sum(o.rows), 0)::bigint
        FROM import AS o
        WHERE o.batch_id = i.batch_id AND o.import_id <> i.import_id) AS rows_before
FROM import AS i
WHERE i.account_id = $1
  AND i.import_id = $2;
