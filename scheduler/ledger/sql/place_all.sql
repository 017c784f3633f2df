-- place_all: every place known, to fill the cache in one go.
SELECT place_id, zones, regions, own_zones, source FROM place;
