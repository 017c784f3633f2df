-- cadence_locked: one cadence, with its latest version.
-- $1 account_id bigint  $2 cadence_id bigint
SELECT c.cadence_id, c.name, c.description, c.status, c.version, c.draft, c.draft_version, c.draft_dirty, c.step_times,
       c.created_at, c.updated_at, v.content
FROM cadence AS c
LEFT JOIN cadence_version AS v USING (account_id, cadence_id, version)
WHERE c.account_id = $1 AND c.cadence_id = $2;
