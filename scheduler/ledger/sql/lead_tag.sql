-- lead_tag: add tags to leads, which are locked, and take tags away; who would have too many stays as it is.
-- $1 lead_ids bigint[]  $2 add text[]  $3 remove text[]  $4 most integer  $5 now timestamptz
-- Rows: lead_id of those changed
UPDATE lead AS le
SET tags = g.tags, version = le.version + 1, updated_at = $5
FROM (SELECT o.lead_id,
             ARRAY(SELECT t.tag FROM unnest(o.tags || ARRAY(SELECT a FROM unnest($2::text[]) AS a
                                                           WHERE a <> ALL(o.tags))) WITH ORDINALITY AS t (tag, n)
                   WHERE t.tag <> ALL($3::text[]) ORDER BY t.n) AS tags
      FROM lead AS o
      WHERE o.lead_id = ANY($1::bigint[])) AS g
WHERE le.lead_id = g.lead_id
  AND le.tags <> g.tags
  AND cardinality(g.tags) <= $4
RETURNING le.lead_id;
