-- lead_would_change: how many of these leads an action would change.
-- $1 account_id bigint  $2 lead_ids bigint[]  $3 action text  $4 priority text  $5 add text[]  $6 remove text[]
-- Rows: changes
SELECT count(*) AS changes
FROM lead AS le
LEFT JOIN loop AS lo ON lo.lead_id = le.lead_id AND lo.status <> 'ended'
WHERE le.account_id = $1
  AND le.lead_id = ANY($2::bigint[])
  AND CASE $3
      WHEN 'enrol' THEN lo.loop_id IS NULL AND le.status <> 'opted_out'
                        AND NOT EXISTS (SELECT FROM suppression AS s WHERE s.account_id = $1 AND s.phone = le.phone)
      WHEN 'pause' THEN lo.status IN ('scheduled', 'waiting_callback', 'awaiting_result')
      WHEN 'resume' THEN lo.status = 'paused'
      WHEN 'remove' THEN lo.loop_id IS NOT NULL
      WHEN 'priority' THEN le.priority <> $4
      WHEN 'tag' THEN NOT le.tags @> $5::text[] OR le.tags && $6::text[] END;
