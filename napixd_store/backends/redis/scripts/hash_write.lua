-- KEYS[1]: the hash. KEYS[2]: the deadlines of its keys, a sorted set of all that have one; a key
-- whose record was replaced unseen may stand there still (see hash_dead.lua). ARGV: as lua.packed()
-- tells. Returns the keys that were not as expected, having changed nothing; none when all was
-- applied.
local hash, deadlines, at = KEYS[1], KEYS[2], 1

local refused, ended = {}, {}
for _ = 1, tonumber(ARGV[at]) do
  local key = ARGV[at + 1]
  local record = redis.call('HGET', hash, key)
  if not holds(ARGV[at + 2], record) then refused[#refused + 1] = key end
  ended[key] = record and deadline(record) or nil
  at = at + 2
end
if #refused > 0 then return refused end

at = at + 1
local first_put, first_delete = at + 1, at + 1 + 2 * tonumber(ARGV[at])
local ends = {}
for i = first_put, first_delete - 1, 2 do ends[i] = deadline(ARGV[i + 1]) or nil end

if next(ends) or next(ended) then
  redis.call('ZCARD', deadlines) -- raises, should it be no sorted set
  check_right('ZADD', deadlines, '0', '')
  check_right('ZREM', deadlines, '')
end
if first_delete <= #ARGV then check_right('HDEL', hash, ARGV[#ARGV]) end
if checking then
  redis.call('HLEN', hash) -- raises, should it be no hash
  if first_put < first_delete then check_right('HSET', hash, '', '') end
  return refused
end
for i = first_put, first_delete - 1, 2 do
  redis.call('HSET', hash, ARGV[i], ARGV[i + 1])
  if ends[i] then
    redis.call('ZADD', deadlines, ends[i], ARGV[i])
  elseif ended[ARGV[i]] then
    redis.call('ZREM', deadlines, ARGV[i])
  end
end
for i = first_delete, #ARGV do
  redis.call('HDEL', hash, ARGV[i])
  if ended[ARGV[i]] then redis.call('ZREM', deadlines, ARGV[i]) end
end
return refused
