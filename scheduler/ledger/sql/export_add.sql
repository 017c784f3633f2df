-- export_add: the next part of a file; written again after a crash it is the same part.
-- $1 account_id bigint  $2 export_id bigint  $3 part integer  $4 body bytea (compressed)  $5 rows bigint
-- $6 bytes bigint (before that)  $7 now timestamptz
-- Rows: export_id; none for a file that is gone, or has this part
WITH goes_on AS (
    UPDATE export
    SET parts = $3, rows = rows + $5, bytes = bytes + $6, updated_at = $7
    WHERE account_id = $1
      AND export_id = $2
      AND parts = $3 - 1
    RETURNING account_id, export_id
)
INSERT INTO export_part (account_id, export_id, part, body)
SELECT account_id, export_id, $3, $4 FROM goes_on
RETURNING export_id;
