-- When an entry last changed: its reason, whose word it is, or the lists that have it; null: never, as far as is known.
ALTER TABLE suppression ADD COLUMN changed_at timestamptz;
