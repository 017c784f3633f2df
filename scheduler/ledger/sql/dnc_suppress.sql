-- dnc_suppress: phones that this account never calls; the first reason stays. A person's own word outlives lists.
-- $1 account_id bigint  $2 phones text[]  $3 reason text  $4 source text  $5 now timestamptz
-- $6 dnc_list_id bigint (null: the people's own word)
-- Rows: added, those that were not suppressed; entered, those that the list did not have
WITH given AS (
    SELECT DISTINCT phone FROM unnest($2::text[]) AS g (phone) ORDER BY phone
), added AS (
    INSERT INTO suppression AS s (account_id, phone, reason, source, created_at, listed)
    SELECT $1, phone, $3, $4, $5, $6::bigint IS NOT NULL FROM given
    ON CONFLICT (account_id, phone) DO UPDATE SET listed = false, changed_at = $5 WHERE s.listed AND NOT excluded.listed
    RETURNING (xmax = 0) AS new
), entered AS (
    INSERT INTO dnc_member (account_id, dnc_list_id, phone)
    SELECT $1, $6, phone FROM given WHERE $6::bigint IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING phone
), changed AS (                               -- those that were there: the row is locked already
    UPDATE suppression AS s
    SET changed_at = $5
    FROM entered
    WHERE s.account_id = $1 AND s.phone = entered.phone
), counted AS (
    UPDATE dnc_list
    SET entries = entries + (SELECT count(*) FROM entered), updated_at = $5
    WHERE account_id = $1 AND dnc_list_id = $6
)
SELECT (SELECT count(*) FROM added WHERE new) AS added, (SELECT count(*) FROM entered) AS entered;
