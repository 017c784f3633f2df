-- export_part: one part of a file.
-- $1 account_id bigint  $2 export_id bigint  $3 part integer
SELECT body FROM export_part WHERE account_id = $1 AND export_id = $2 AND part = $3;
