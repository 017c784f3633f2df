-- delivery_due: deliveries of a leased webhook whose time has come, oldest first; none of a lead while one before it
-- waits to be tried again that was tried less than so often.
-- $1 webhook_id bigint  $2 takes bigint  $3 now timestamptz  $4 limit integer  $5 held_tries integer
SELECT d.delivery_id, d.kind, d.types, d.after_seq, d.events, d.lead_id, d.tries
FROM webhook AS w
JOIN delivery AS d ON d.webhook_id = w.webhook_id AND d.state = 'pending' AND d.next_at <= $3
WHERE w.webhook_id = $1
  AND w.takes = $2
  AND w.status = 'active'
  AND NOT EXISTS (SELECT
                  FROM delivery AS before
                  WHERE before.webhook_id = $1
                    AND before.state = 'pending'
                    AND before.next_at > $3
                    AND before.lead_id = d.lead_id
                    AND before.delivery_id < d.delivery_id
                    AND before.tries < $5)
ORDER BY d.delivery_id
LIMIT $4;
