-- check_server: the server's version and clock, and whether a commit survives a crash.
SELECT
    current_setting('server_version') AS version,
    clock_timestamp() AS now,
    current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' AS durable;
