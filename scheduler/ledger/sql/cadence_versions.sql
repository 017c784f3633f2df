-- cadence_versions: what published versions say.
-- $1 cadence_ids bigint[]  $2 versions integer[]
SELECT v.cadence_id, v.version, v.content
FROM unnest($1::bigint[], $2::integer[]) AS w (cadence_id, version)
JOIN cadence_version AS v ON v.cadence_id = w.cadence_id AND v.version = w.version;
