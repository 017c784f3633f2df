-- wheel_dialing: calls under way, dials of the last seconds and how late they were, of one account.
-- The newest attempts are looked at, $3 at most: `reach_s` says how far back that was, null for all there are.
-- $1 account_id bigint  $2 now timestamptz  $3 limit integer
WITH newest AS MATERIALIZED (
    SELECT account_id, state, due_at, armed_at, dispatched_at
    FROM attempt
    ORDER BY attempt_id DESC
    LIMIT $3
),
recent AS (
    SELECT armed_at, extract(epoch FROM dispatched_at - due_at) * 1000 AS lag_ms
    FROM newest
    WHERE account_id = $1 AND state <> 'not_sent' AND armed_at > $2::timestamptz - interval '1 minute'
)
SELECT (SELECT count(*) FROM attempt
        WHERE account_id = $1 AND state IN ('armed', 'accepted', 'unknown', 'ringing', 'in_call')) AS in_flight,
       (SELECT CASE WHEN count(*) = $3 THEN extract(epoch FROM $2 - min(armed_at)) END FROM newest) AS reach_s,
       count(*) FILTER (WHERE armed_at > $2::timestamptz - interval '10 seconds') AS ten_s,
       count(*) AS minute,
       percentile_disc(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY lag_ms) AS lags_ms
FROM recent;
