-- caller_id_count: count calls under numbers, each only as far as its cap goes.
-- $1 caller_id_ids bigint[]  $2 days date[]  $3 calls integer[]
-- Rows: caller_id_id of those counted; a number with less left than asked for is not among them
INSERT INTO caller_id_use AS u (caller_id_id, day, used)
SELECT c.caller_id_id, n.day, n.calls
FROM unnest($1::bigint[], $2::date[], $3::integer[]) AS n (caller_id_id, day, calls)
JOIN caller_id AS c USING (caller_id_id)
WHERE n.calls <= c.daily_cap
ORDER BY c.caller_id_id
ON CONFLICT (caller_id_id, day) DO UPDATE
SET used = u.used + excluded.used
WHERE u.used + excluded.used <= (SELECT c.daily_cap FROM caller_id AS c WHERE c.caller_id_id = u.caller_id_id)
RETURNING u.caller_id_id;
