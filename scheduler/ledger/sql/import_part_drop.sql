-- import_part_drop: delete parts of files that are over.
-- $1 limit integer
-- Rows: part of those deleted
DELETE FROM import_part AS p
USING (SELECT q.account_id, q.import_id, q.part
       FROM import_part AS q
       JOIN import AS i USING (account_id, import_id)
       WHERE i.status IN ('done', 'failed', 'canceled')
       LIMIT $1) AS old
WHERE (p.account_id, p.import_id, p.part) = (old.account_id, old.import_id, old.part)
RETURNING p.part;
