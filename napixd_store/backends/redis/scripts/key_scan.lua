-- KEYS[1]: the index. ARGV[1]: what the names of the values begin with. ARGV[2]: where to go on.
-- ARGV[3]: about how many. Returns {where to go on next, {key, record, ...}}.
local batch = redis.call('SSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
return {batch[1], records(KEYS[1], ARGV[1], batch[2])}
