-- KEYS[1]: the hash. ARGV: as lua.packed() tells. Returns the keys that were not as expected,
-- having changed nothing; none when all was applied.
local hash, at = KEYS[1], 1

local refused = {}
for _ = 1, tonumber(ARGV[at]) do
  local field, token = ARGV[at + 1], ARGV[at + 2]
  local record = redis.call('HGET', hash, field)
  local holds
  if token == 'a' then
    holds = not record
  elseif token == 'p' then
    holds = record
  else
    holds = record and token == '=' .. record
  end
  if not holds then refused[#refused + 1] = field end
  at = at + 2
end
if #refused > 0 then return refused end

at = at + 1
-- The right to what comes last is looked for before anything is written.
if redis.acl_check_cmd and #ARGV > at + 2 * tonumber(ARGV[at])
    and not redis.acl_check_cmd('HDEL', hash, ARGV[#ARGV]) then
  return redis.error_reply('NOPERM no right to HDEL')
end
for _ = 1, tonumber(ARGV[at]) do
  redis.call('HSET', hash, ARGV[at + 1], ARGV[at + 2])
  at = at + 2
end
for i = at + 1, #ARGV do
  redis.call('HDEL', hash, ARGV[i])
end
return refused
