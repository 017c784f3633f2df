-- import_columns: the header of a file in parts, known once they are worked on.
-- $1 import_id bigint  $2 columns text[]
UPDATE import
SET columns = $2
WHERE import_id = $1
  AND status = 'processing';
