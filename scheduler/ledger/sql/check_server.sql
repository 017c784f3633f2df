-- check_server: the server's version and clock, whether a commit survives a crash, and whether this session waits for it.
SELECT
    current_setting('server_version') AS version,
    clock_timestamp() AS now,
    current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS durable,
    current_setting('synchronous_commit') <> 'off' AS waits;
