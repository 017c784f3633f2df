-- loop_ask: what is said of a loop's next attempt. Its lead, which is locked, gets another version: the arm refuses what
-- was planned before.
-- $1 loop_id bigint  $2 asked text (null: nothing is said any more)  $3 asked_at timestamptz  $4 now timestamptz
WITH asked AS (
    UPDATE loop
    SET asked = $2, asked_at = $3, asked_in_call = (status = 'dialing' AND $2::text IS NOT NULL)
    WHERE loop_id = $1
      AND status <> 'ended'
    RETURNING lead_id
)
UPDATE lead AS le
SET version = le.version + 1, updated_at = $4
FROM asked
WHERE le.lead_id = asked.lead_id;
