-- KEYS[1]: the index, a set of the keys that exist. The other KEYS are the names of values: all of
-- them are told, so that a cluster that is moving some of them says so before anything is done.
-- First those of which something is expected, then those to put, then those to delete.
-- ARGV[1]: what their names begin with; the rest is the key. ARGV[2], ARGV[3]: how many are
-- expected and put. Then a token for each of the former (see lua.expectation()), a record for each
-- of the latter. Returns the keys that were not as expected, having changed nothing; none when
-- all was applied.
local index, begin = KEYS[1], #ARGV[1] + 1
local expected, puts = tonumber(ARGV[2]), tonumber(ARGV[3])
local first_put, first_delete = expected + 2, expected + puts + 2

-- As many arguments as a call takes for certain.
local LIMIT = 1000

local function texts(from, to)
  local found = {}
  for i = from, to do found[i - from + 1] = string.sub(KEYS[i], begin) end
  return found
end

local refused, gone = {}, {}
for i = 1, expected do
  local token, record = ARGV[3 + i], redis.call('GET', KEYS[1 + i])
  local holds
  if token == 'a' then
    holds = not record
  elseif token == 'p' then
    holds = record
  else
    holds = record and token == '=' .. record
  end
  if not holds then
    local text = string.sub(KEYS[1 + i], begin)
    refused[#refused + 1] = text
    if not record then gone[#gone + 1] = text end
  end
end
if #refused > 0 then
  -- What the server evicted, or somebody deleted, is no longer counted.
  for i = 1, #gone do redis.call('SREM', index, gone[i]) end
  return refused
end

-- What the server would refuse later is looked for before anything is written: a right, and what
-- is no string, which MSET would overwrite.
local commands = {}
if puts > 0 then commands = {{'SADD', index, ''}, {'MSET', KEYS[first_put], ''}} end
if #KEYS >= first_delete then
  commands[#commands + 1] = {'SREM', index, ''}
  commands[#commands + 1] = {'UNLINK', KEYS[first_delete]}
end
for _, command in ipairs(commands) do
  if redis.acl_check_cmd and not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM no right to ' .. command[1])
  end
end
redis.call('SCARD', index)
for i = first_put, first_delete - 1, LIMIT do
  local last = math.min(i + LIMIT, first_delete) - 1
  local found, strings = redis.call('EXISTS', unpack(KEYS, i, last)), 0
  if found > 0 then
    for _, record in ipairs(redis.call('MGET', unpack(KEYS, i, last))) do
      if record then strings = strings + 1 end
    end
  end
  if strings < found then
    for j = i, last do redis.call('GET', KEYS[j]) end -- raises
  end
end

for i = first_put, first_delete - 1, LIMIT do
  local last = math.min(i + LIMIT, first_delete) - 1
  redis.call('SADD', index, unpack(texts(i, last)))
  local pairs = {}
  for j = i, last do
    pairs[2 * (j - i) + 1], pairs[2 * (j - i) + 2] = KEYS[j], ARGV[j + 2]
  end
  redis.call('MSET', unpack(pairs))
end
for i = first_delete, #KEYS, LIMIT do
  local last = math.min(i + LIMIT - 1, #KEYS)
  redis.call('SREM', index, unpack(texts(i, last)))
  redis.call('UNLINK', unpack(KEYS, i, last))
end
return refused
