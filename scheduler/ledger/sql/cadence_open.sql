-- cadence_open: which versions of these active cadences new leads follow, and whether any ever did.
-- $1 account_ids bigint[]  $2 cadence_ids bigint[]
SELECT ca.cadence_id, ca.version, ca.used
FROM unnest($1::bigint[], $2::bigint[]) AS w (account_id, cadence_id)
JOIN cadence AS ca ON ca.account_id = w.account_id AND ca.cadence_id = w.cadence_id
WHERE ca.status = 'active';
