-- cadence_users: what leads into a cadence: others whose latest version does, by a rule or when it is complete, and
-- agents whose leads follow it.
-- $1 account_id bigint  $2 cadence_id bigint
(SELECT 'cadence' AS kind, c.name
 FROM cadence AS c
 JOIN cadence_version AS v USING (account_id, cadence_id, version)
 WHERE c.account_id = $1 AND c.cadence_id <> $2 AND c.status <> 'archived'
   AND (jsonb_path_exists(v.content::jsonb,
                          '$.steps[*].routing[*] ? (@.action == "transition" && @.cadence_id == $id)',
                          jsonb_build_object('id', $2::bigint::text))
        OR jsonb_path_exists(v.content::jsonb, '$.on_complete ? (@.action == "transition" && @.cadence_id == $id)',
                             jsonb_build_object('id', $2::bigint::text)))
 ORDER BY c.cadence_id
 LIMIT 5)
UNION ALL
(SELECT 'agent', a.name
 FROM agent AS a
 WHERE a.account_id = $1 AND a.cadence_id = $2
 ORDER BY a.agent_id
 LIMIT 5);
