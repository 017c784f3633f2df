-- Published versions and parts of files have numbers, which public ids are made of; parts tell when they were replaced,
-- steps when they were made and changed.
ALTER TABLE cadence_version ADD COLUMN cadence_version_id bigint GENERATED ALWAYS AS IDENTITY;

-- Numbered row by row: an identity at once would write all bytes of all parts again.
ALTER TABLE import_part
    ADD COLUMN import_part_id bigint,
    ADD COLUMN changed_at     timestamptz;     -- when other bytes took the place of the first; null: never
UPDATE import_part AS p
SET import_part_id = n.number
FROM (SELECT account_id, import_id, part, row_number() OVER (ORDER BY import_id, part) AS number FROM import_part) AS n
WHERE p.account_id = n.account_id AND p.import_id = n.import_id AND p.part = n.part;
ALTER TABLE import_part
    ALTER COLUMN import_part_id SET NOT NULL,
    ALTER COLUMN import_part_id ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('import_part', 'import_part_id'),
              (SELECT coalesce(max(import_part_id), 0) + 1 FROM import_part), false);

-- Of the draft's steps: {step_id: [made, changed]} in milliseconds; a version keeps what stood here when it was published.
-- A step of before this has none: no one knows, and it shows the times of what it stands in.
ALTER TABLE cadence ADD COLUMN step_times json NOT NULL DEFAULT '{}';
ALTER TABLE cadence_version ADD COLUMN step_times json NOT NULL DEFAULT '{}';
