-- lead_erase_suppression: a phone whose owner asked not to be called stays so, by its keyed hash alone. That it is on a
-- list is not the person's, but the list's: that stays.
-- $1 account_id bigint  $2 phone text  $3 mark text  $4 now timestamptz
WITH own AS (
    SELECT reason, source, created_at FROM suppression WHERE account_id = $1 AND phone = $2 AND NOT listed
),
kept AS (
    UPDATE suppression
    SET listed = true, changed_at = $4
    WHERE account_id = $1 AND phone = $2 AND NOT listed
      AND EXISTS (SELECT FROM dnc_member WHERE account_id = $1 AND phone = $2)
),
gone AS (
    DELETE FROM suppression
    WHERE account_id = $1 AND phone = $2 AND NOT listed
      AND NOT EXISTS (SELECT FROM dnc_member WHERE account_id = $1 AND phone = $2)
)
INSERT INTO suppression_mark (account_id, mark, reason, source, created_at)
SELECT $1, $3, reason, source, created_at FROM own
ON CONFLICT DO NOTHING;
