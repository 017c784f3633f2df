-- import_keep_rejects: rows that did not come in, for the file of rejected rows.
-- $1 import_id bigint  $2 rows bigint[]  $3 columns text[]  $4 codes text[]  $5 details text[]
-- $6 cells text[] (JSON)
INSERT INTO import_reject (import_id, row, "column", code, detail, cells)
SELECT $1, g.row, g."column", g.code, g.detail, g.cells::json
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])
    AS g (row, "column", code, detail, cells)
ON CONFLICT (import_id, row) DO NOTHING;
