-- dnc_entry_remove: a phone that may be called again; every list loses it.
-- $1 account_id bigint  $2 suppression_id bigint  $3 now timestamptz
-- Rows: phone, reason, source of what is gone
WITH gone AS (
    DELETE FROM suppression WHERE account_id = $1 AND suppression_id = $2 RETURNING phone, reason, source
), members AS (
    DELETE FROM dnc_member AS m USING gone WHERE m.account_id = $1 AND m.phone = gone.phone RETURNING m.dnc_list_id
), counted AS (
    UPDATE dnc_list AS l
    SET entries = entries - 1, updated_at = $3
    FROM members
    WHERE l.account_id = $1 AND l.dnc_list_id = members.dnc_list_id
)
SELECT phone, reason, source FROM gone;
