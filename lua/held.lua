#!lua flags=no-writes
-- held: loops that hold call slots, in order of their hard ends.
-- Uses     keys
-- KEYS[1]  the shard's tag, {dw:<n>}; every key below it is listed in README.md
-- ARGV[1]  hard end after this, ms    ARGV[2] and by this, ms    ARGV[3] loops at most
-- Returns  {loop, hard end, ...}
return call('ZRANGE', CALLS, '(' .. ARGV[1], ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
