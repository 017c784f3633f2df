-- session_cut: end sessions of ours whose process stands still while others wait for what it holds, where no timeout of the
-- server's own reaches: half a statement was sent, an answer is not read, or a lock is held from outside a transaction.
-- $1 idle interval  $2 statement interval (what may go by, besides, before all of an answer is read)
-- Rows: pid of each. Wall time is the server's, as are the instants it is held against. First who, then the end: a function in
-- one WHERE with the rest may be asked of every session.
WITH frozen AS MATERIALIZED (
    SELECT s.pid
    FROM pg_stat_activity AS s
    WHERE s.datname = current_database()
      AND s.usename = session_user
      AND s.application_name = current_setting('application_name')
      AND s.pid <> pg_backend_pid()
      AND s.wait_event_type = 'Client'
      AND s.state_change < clock_timestamp() - $1::interval
          - CASE s.wait_event WHEN 'ClientWrite' THEN $2::interval ELSE interval '0' END
      AND (
          s.state = 'active'
          OR (s.state = 'idle'
              AND EXISTS (SELECT FROM pg_locks AS k WHERE k.pid = s.pid AND k.locktype = 'advisory' AND k.granted))
      )
)
SELECT pid FROM frozen WHERE pg_terminate_backend(pid);
