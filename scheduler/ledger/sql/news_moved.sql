-- news_moved: tell of those of the loops that this very transaction has given another instant.
-- $1 loop_ids bigint[]  $2 now timestamptz
INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids)
SELECT account_id, 'loop.rescheduled', $2, array_agg(loop_id ORDER BY loop_id), array_agg(lead_id ORDER BY loop_id),
       array_agg(batch_id ORDER BY loop_id)
FROM loop
WHERE loop_id = ANY($1::bigint[])
  AND next_at IS NOT NULL
  AND xmin = pg_current_xact_id()::xid
GROUP BY account_id;
