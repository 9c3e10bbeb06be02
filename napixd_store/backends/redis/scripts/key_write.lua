-- KEYS[1]: the index, a set of the keys that exist. ARGV[1]: what the names of the values begin
-- with; they share the index's slot. ARGV[2] and on: as lua.packed() tells. Returns the keys that
-- were not as expected, having changed nothing; none when all was applied.
local index, prefix, at = KEYS[1], ARGV[1], 2

local refused = {}
for _ = 1, tonumber(ARGV[at]) do
  local text, token = ARGV[at + 1], ARGV[at + 2]
  local record = redis.call('GET', prefix .. text)
  local holds
  if token == 'a' then
    holds = not record
  elseif token == 'p' then
    holds = record
  else
    holds = record and token == '=' .. record
  end
  if not holds then refused[#refused + 1] = text end
  at = at + 2
end
if #refused > 0 then return refused end

-- SET would overwrite what is no string, so look first, before anything is written.
at = at + 1
local puts = at
for _ = 1, tonumber(ARGV[puts]) do
  local kind = redis.call('TYPE', prefix .. ARGV[at + 1]).ok
  if kind ~= 'string' and kind ~= 'none' then
    return redis.error_reply('WRONGTYPE a key of the collection holds a ' .. kind)
  end
  at = at + 2
end
-- The index comes first: should it be no set, nothing is written.
local deletes = at
for i = puts + 1, deletes, 2 do redis.call('SADD', index, ARGV[i]) end
for i = deletes + 1, #ARGV do redis.call('SREM', index, ARGV[i]) end
for i = puts + 1, deletes, 2 do redis.call('SET', prefix .. ARGV[i], ARGV[i + 1]) end
for i = deletes + 1, #ARGV do redis.call('UNLINK', prefix .. ARGV[i]) end
return refused
