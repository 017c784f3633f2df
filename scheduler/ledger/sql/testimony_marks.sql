-- testimony_marks: who opted out and is no lead is suppressed by the keyed hash of the phone, which is all there is.
-- $1 reason text  $2 now timestamptz
-- Rows: testimony_id
WITH owed AS (
    UPDATE testimony
    SET used = true
    WHERE kind = 'opt_out' AND NOT used
    RETURNING testimony_id, account_id, who
),
marked AS (
    INSERT INTO suppression_mark (account_id, mark, reason, source, created_at)
    SELECT DISTINCT account_id, who, $1, 'journal', $2::timestamptz FROM owed
    ON CONFLICT DO NOTHING
)
SELECT testimony_id FROM owed;
