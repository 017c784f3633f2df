-- cadence_leading_to: cadences whose latest version leads to this one, by a rule or when it is complete.
-- $1 account_id bigint  $2 cadence_id bigint
SELECT c.cadence_id, c.name
FROM cadence AS c
JOIN cadence_version AS v USING (account_id, cadence_id, version)
WHERE c.account_id = $1 AND c.cadence_id <> $2 AND c.status <> 'archived'
  AND (jsonb_path_exists(v.content::jsonb, '$.steps[*].routing[*] ? (@.action == "transition" && @.cadence_id == $id)',
                         jsonb_build_object('id', $2::bigint::text))
       OR jsonb_path_exists(v.content::jsonb, '$.on_complete ? (@.action == "transition" && @.cadence_id == $id)',
                            jsonb_build_object('id', $2::bigint::text)))
ORDER BY c.cadence_id
LIMIT 10;
