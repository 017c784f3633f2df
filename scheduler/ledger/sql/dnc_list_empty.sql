-- dnc_list_empty: take phones off a list, those that only it had may be called again.
-- $1 account_id bigint  $2 dnc_list_id bigint  $3 phones text[]  $4 now timestamptz
-- Rows: taken, freed
WITH gone AS (
    DELETE FROM dnc_member WHERE account_id = $1 AND dnc_list_id = $2 AND phone = ANY($3::text[]) RETURNING phone
), freed AS (
    DELETE FROM suppression AS s
    USING gone
    WHERE s.account_id = $1
      AND s.phone = gone.phone
      AND s.listed
      AND NOT EXISTS (SELECT FROM dnc_member AS o
                      WHERE o.account_id = $1 AND o.phone = s.phone AND o.dnc_list_id <> $2)
    RETURNING s.phone
), stay AS (
    UPDATE suppression AS s
    SET changed_at = $4
    FROM gone
    WHERE s.account_id = $1
      AND s.phone = gone.phone
      AND (NOT s.listed OR EXISTS (SELECT FROM dnc_member AS o
                                   WHERE o.account_id = $1 AND o.phone = s.phone AND o.dnc_list_id <> $2))
)
SELECT (SELECT count(*) FROM gone) AS taken, (SELECT count(*) FROM freed) AS freed;
