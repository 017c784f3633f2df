-- Addresses come in no order: a tree of them cost an import more than all other indexes of leads together. Hashes are
-- small enough to stay in memory.
DROP INDEX lead_email;
CREATE INDEX lead_email ON lead USING hash (lower(email)) WHERE email <> '';
