#!lua flags=no-writes
-- pulse: when a dialer last claimed on the shard.
-- Uses     keys
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  none
-- Returns  the lease end, in wall ms, that the latest claim would have given, '' where there was none
return call('HGET', FLOOR, 'asked') or ''
