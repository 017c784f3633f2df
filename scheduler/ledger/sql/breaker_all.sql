-- breaker_all: what is broken at the moment.
SELECT kind, id, account_id, reason, opened_at, probe_at FROM breaker;
