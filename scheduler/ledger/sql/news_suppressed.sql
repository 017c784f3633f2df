-- news_suppressed: tell of phones that this very transaction has put on the list, not of those that were on it.
-- $1 account_ids bigint[]  $2 phones text[]  $3 now timestamptz
INSERT INTO news (account_id, type, at, ids, lead_ids, batch_ids)
SELECT su.account_id, 'dnc.added', $3, array_agg(su.suppression_id ORDER BY su.suppression_id), '{}', '{}'
FROM unnest($1::bigint[], $2::text[]) AS s (account_id, phone)
JOIN suppression AS su ON su.account_id = s.account_id AND su.phone = s.phone
WHERE su.xmin = pg_current_xact_id()::xid
  AND su.xmax = 0                              -- else it was there, and was only written again
GROUP BY su.account_id;
