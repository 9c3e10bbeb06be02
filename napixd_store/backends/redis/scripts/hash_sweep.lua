-- KEYS[1]: the hash. KEYS[2]: the deadlines of its keys. ARGV[1]: the time. ARGV[2]: how many to
-- remove at most. Removes what is over, and returns how many keys that were.
local left = tonumber(ARGV[2])
repeat
  local over, stale = dead(KEYS[1], KEYS[2], ARGV[1], left)
  for _, key in ipairs(stale) do redis.call('ZREM', KEYS[2], key) end
  for _, key in ipairs(over) do
    redis.call('HDEL', KEYS[1], key)
    redis.call('ZREM', KEYS[2], key)
  end
  left = left - #over
until left == 0 or #over + #stale == 0
return ARGV[2] - left
