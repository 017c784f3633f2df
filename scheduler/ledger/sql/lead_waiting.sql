-- lead_waiting: leads that wait for a person of ours: a sign of life that nobody has answered yet, a result that is owed,
-- a call that was put off too often. Those are as many as people can see to: they are all looked at.
-- $1 account_id bigint  $2 now timestamptz  $3 after_id bigint  $4 descending boolean  $5 limit integer (null: all)
-- $6 created tstzrange: of the leads
-- Rows: lead_id, reason (signal before the others), since, until: when the schedule goes on by itself, if it does
WITH waiting AS (
    SELECT le.lead_id, 'signal' AS reason, s.at AS since, le.quiet_until AS until, 1 AS rank
    FROM lead AS le
    CROSS JOIN LATERAL (SELECT max(g.at) AS at
                        FROM lead_signal AS g
                        WHERE g.account_id = $1 AND g.lead_id = le.lead_id AND g.kind <> 'opened') AS s
    WHERE le.account_id = $1
      AND le.quiet_until > $2
      AND (le.contacted_at IS NULL OR le.contacted_at < s.at)
    UNION ALL
    SELECT lo.lead_id, CASE lo.status WHEN 'awaiting_result' THEN 'result' ELSE 'postponed' END,
           (SELECT max(a.ended_at) FROM attempt AS a WHERE a.loop_id = lo.loop_id), lo.next_at, 2
    FROM loop AS lo
    WHERE lo.account_id = $1
      AND (lo.status = 'awaiting_result' OR (lo.status = 'waiting_callback' AND lo.next_kind <> 'callback'))
)
SELECT lead_id, reason, since, until
FROM (SELECT DISTINCT ON (lead_id) lead_id, reason, since, until FROM waiting ORDER BY lead_id, rank) AS each
JOIN lead USING (lead_id)
WHERE ($3::bigint IS NULL OR CASE WHEN $4::boolean THEN lead_id < $3 ELSE lead_id > $3 END)
  AND lead.created_at <@ $6::tstzrange
ORDER BY CASE WHEN $4 THEN -lead_id ELSE lead_id END
LIMIT $5;
