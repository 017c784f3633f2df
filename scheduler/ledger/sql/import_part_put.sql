-- import_part_put: keep a part, in place of an earlier one of that number, while its import waits for parts.
-- $1 account_id bigint  $2 import_id bigint  $3 part integer  $4 size bigint  $5 sha256 bytea  $6 data bytea
-- $7 now timestamptz
-- Rows: the part without its bytes; none when the import takes no parts
WITH open AS (
    UPDATE import
    SET touched_at = $7
    WHERE account_id = $1
      AND import_id = $2
      AND status = 'receiving'
      AND terms IS NOT NULL
    RETURNING account_id, import_id
)
INSERT INTO import_part AS p (account_id, import_id, part, size, sha256, data, created_at)
SELECT o.account_id, o.import_id, $3, $4, $5, $6, $7
FROM open AS o
ON CONFLICT (account_id, import_id, part) DO UPDATE
SET size = excluded.size, sha256 = excluded.sha256, data = excluded.data, changed_at = $7
RETURNING p.import_part_id, p.part, p.size, p.sha256, p.created_at, coalesce(p.changed_at, p.created_at) AS updated_at;
