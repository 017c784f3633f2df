-- caller_id_today: the active numbers of pools, in the pool's order, with what each was used on the day.
-- $1 pool_ids bigint[]  $2 days date[]
SELECT m.caller_id_pool_id, c.caller_id_id, c.phone, c.region, c.rest_until,
       greatest(0, c.daily_cap - coalesce(u.used, 0)) AS left, coalesce(u.used, 0) AS used
FROM unnest($1::bigint[], $2::date[]) AS p (caller_id_pool_id, day)
JOIN caller_id_member AS m USING (caller_id_pool_id)
JOIN caller_id AS c ON c.caller_id_id = m.caller_id_id
LEFT JOIN caller_id_use AS u ON u.caller_id_id = c.caller_id_id AND u.day = p.day
WHERE c.status = 'active'
ORDER BY m.caller_id_pool_id, m.position;
