-- server: the id of the process that serves the shard. A restart or a failover brings another one, and then the last
-- writes before it may be missing.
local function run_id() return string.match(call('INFO', 'server'), 'run_id:(%x+)') end
