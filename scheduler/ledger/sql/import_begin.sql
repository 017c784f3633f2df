-- import_begin: a file is being received.
-- $1 account_id bigint  $2 batch_id bigint  $3 columns text[]  $4 now timestamptz
INSERT INTO import (account_id, batch_id, status, columns, started_at)
VALUES ($1, $2, 'receiving', $3, $4)
RETURNING import_id;
