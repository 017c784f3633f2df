-- export_purge: files that were kept long enough go, parts and all.
-- $1 now timestamptz  $2 limit integer
-- Rows: export_id
DELETE FROM export AS e
USING (SELECT export_id FROM export WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS old
WHERE e.export_id = old.export_id
RETURNING e.export_id;
