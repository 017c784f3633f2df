-- webhook_replay: have the events of a span sent once more. One that replays nothing has nothing to do at once.
-- $1 account_id bigint  $2 webhook_id bigint  $3 from timestamptz  $4 until timestamptz  $5 now timestamptz
-- Rows: one; none unless the webhook is active and replays nothing
UPDATE webhook AS w
SET replay_seq = span.after,
    replay_upto_seq = span.upto,
    next_at = least(w.next_at, $5),
    updated_at = $5
FROM (SELECT min(seq - cardinality(ids)) AS after, max(seq) AS upto
      FROM news
      WHERE account_id = $1 AND seq IS NOT NULL AND at >= $3 AND at < $4) AS span
WHERE w.account_id = $1
  AND w.webhook_id = $2
  AND w.status = 'active'
  AND w.replay_seq IS NULL
RETURNING w.webhook_id;
