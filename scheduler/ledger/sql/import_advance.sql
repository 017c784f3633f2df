-- import_advance: count the rows of one chunk, in the transaction that writes them.
-- $1 import_id bigint  $2 bytes bigint (so far)  $3 rows bigint  $4 created bigint  $5 updated bigint
-- $6 unchanged bigint  $7 duplicate bigint  $8 suppressed bigint  $9 rejected bigint (all of this chunk)
-- Rows: import_id; none when the import is over
UPDATE import
SET bytes = greatest(bytes, $2), rows = rows + $3, created = created + $4, updated = updated + $5,
    unchanged = unchanged + $6, duplicate = duplicate + $7, suppressed = suppressed + $8,
    rejected = rejected + $9
WHERE import_id = $1
  AND status IN ('receiving', 'processing')
RETURNING import_id;
