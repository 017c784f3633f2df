-- testimony_live: attempts under way behind which a later call of the loop was forgotten: they are over.
-- $1 quarantine_id bigint  $2 loop_ids bigint[]
-- Rows: attempt_id, at: when the later call was made
SELECT a.attempt_id, min(t.at) AS at
FROM testimony AS t
JOIN attempt AS a USING (loop_id)
JOIN loop AS lo USING (loop_id)
WHERE t.quarantine_id = $1 AND t.kind = 'call' AND NOT t.used AND t.loop_id = ANY($2::bigint[])
  AND lo.status = 'dialing' AND lo.started_at <= t.at AND a.attempt_id <> t.attempt_id
  AND a.state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call')
GROUP BY a.attempt_id;
