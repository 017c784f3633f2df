-- import_begin: a file is being received.
-- $1 account_id bigint  $2 batch_id bigint  $3 columns text[]  $4 now timestamptz
-- $5 size bigint (null: not known)  $6 terms text (JSON; null: it comes as one body)
INSERT INTO import (account_id, batch_id, status, columns, started_at, size, terms, touched_at)
VALUES ($1, $2, 'receiving', $3, $4::timestamptz, $5, $6::json, CASE WHEN $6::text IS NOT NULL THEN $4::timestamptz END)
RETURNING import_id;
