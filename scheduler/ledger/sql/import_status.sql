-- import_status: where an import stands, asked by those who work on it.
-- $1 import_id bigint
SELECT status FROM import WHERE import_id = $1;
