-- Arrays of news are kept as they are: compressing those of a file's chunk took five times as long as writing them.
ALTER TABLE news
    ALTER COLUMN ids SET STORAGE EXTERNAL,
    ALTER COLUMN lead_ids SET STORAGE EXTERNAL,
    ALTER COLUMN batch_ids SET STORAGE EXTERNAL;
