-- KEYS[1]: the hash. KEYS[2]: the deadlines of its keys. ARGV[1]: where to go on. ARGV[2]: about how
-- many. ARGV[3]: the time. ARGV[4]: how much of a record to return at most. Returns {where to go on
-- next, {key, what its record begins with, or nothing if it is not over, ...}}.
local batch, step = redis.pcall('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2], 'NOVALUES'), 1
if batch.err then -- before Valkey 8 and Redis 7.4
  batch, step = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2]), 2
end
local some_end = redis.call('ZCARD', KEYS[2]) > 0
local found = {}
for i = 1, #batch[2], step do
  local key = batch[2][i]
  found[#found + 1] = key
  found[#found + 1] = some_end and begins(KEYS[1], KEYS[2], key, ARGV[3], ARGV[4]) or ''
end
return {batch[1], found}
