-- place_ensure: the id of a place, made when it is new.
-- $1 zones text[]  $2 regions text[]  $3 own_zones text[]  $4 source text
WITH made AS (
    INSERT INTO place (zones, regions, own_zones, source)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (zones, regions, own_zones, source) DO NOTHING
    RETURNING place_id
)
SELECT place_id FROM made
UNION ALL
SELECT place_id FROM place WHERE zones = $1 AND regions = $2 AND own_zones = $3 AND source = $4
LIMIT 1;
