-- lead_armed: how many of these attempts have a permit of which nobody has heard yet.
-- $1 attempt_ids bigint[]
SELECT count(*) AS armed FROM attempt WHERE attempt_id = ANY($1::bigint[]) AND state = 'armed';
