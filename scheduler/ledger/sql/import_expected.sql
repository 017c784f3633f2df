-- import_expected: the batch of this name, which a file would go on with.
-- $1 account_id bigint  $2 name text
-- Rows: batch_id, agent_id, status, throttle, rows_before (of other files); none when there is none
SELECT b.batch_id, b.agent_id, b.status, b.throttle,
       (SELECT coalesce(sum(i.rows), 0)::bigint FROM import AS i WHERE i.batch_id = b.batch_id) AS rows_before
FROM batch AS b
WHERE b.account_id = $1
  AND b.name = $2;
