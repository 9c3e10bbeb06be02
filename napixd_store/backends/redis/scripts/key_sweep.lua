-- KEYS[1]: the index. KEYS[2]: the deadlines of its keys. ARGV[1]: what the names of the values
-- begin with. ARGV[2]: the time. ARGV[3]: how many to remove at most. Removes what is over, and
-- returns how many keys that were. Most values have left by themselves. All are looked for before
-- any is removed: a cluster that moves some of them refuses to look, and somebody else may have put
-- one there that lasts.
local keys = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
local lasts = {}
for _, key in ipairs(keys) do
  local record = redis.call('GET', ARGV[1] .. key)
  lasts[key] = record and not is_over(record, ARGV[2])
end
local removed = 0
for _, key in ipairs(keys) do
  if not lasts[key] then
    redis.call('UNLINK', ARGV[1] .. key)
    redis.call('ZREM', KEYS[1], key)
    removed = removed + 1
  end
  redis.call('ZREM', KEYS[2], key)
end
return removed
