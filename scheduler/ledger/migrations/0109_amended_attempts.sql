-- When what is known of an attempt that is over was put right or added to; null: never. Rows are no wider for it: they
-- have a bitmap of nulls, with room, already.
ALTER TABLE attempt ADD COLUMN amended_at timestamptz;
