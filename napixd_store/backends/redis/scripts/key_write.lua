-- KEYS[1]: the index, a sorted set of the keys that exist, all of score 0. KEYS[2]: the deadlines of
-- those that have one, a sorted set. The other KEYS are the names of values: all of them are told, so that a cluster
-- that is moving some of them says so before anything is done. First those of which something is
-- expected, then those to put, then those to delete. ARGV[1]: what their names begin with; the rest
-- is the key. ARGV[2], ARGV[3]: how many are expected and put. ARGV[4]: 1 if any that is put may have
-- a deadline, which spares looking at each. Then a token for each of the former (see lua.token()), a
-- record for each of the latter. Returns the keys that were not as expected, having changed nothing;
-- none when all was applied.
local index, deadlines, begin = KEYS[1], KEYS[2], #ARGV[1] + 1
local expected, puts = tonumber(ARGV[2]), tonumber(ARGV[3])
local first_put, first_delete = expected + 3, expected + puts + 3

local sub = string.sub

-- As many arguments as a call takes for certain.
local LIMIT = 1000

-- So many milliseconds after its deadline a value leaves by itself: later than the last of those
-- for whom it is there, whose count of the server's time may lag behind.
local GRACE = 1000

local function texts(from, to)
  local found = {}
  for i = from, to do found[i - from + 1] = sub(KEYS[i], begin) end
  return found
end

local refused, gone, seen = {}, {}, {}
for i = 1, expected do
  local name = KEYS[2 + i]
  local record = redis.call('GET', name)
  seen[name] = record
  if not holds(ARGV[4 + i], record) then
    local text = sub(name, begin)
    refused[#refused + 1] = text
    if not record then gone[#gone + 1] = text end
  end
end
if #refused > 0 then
  -- What left by itself, the server evicted, or somebody deleted is no longer counted.
  for _, text in ipairs(gone) do
    redis.call('ZREM', index, text)
    redis.call('ZREM', deadlines, text)
  end
  return refused
end

-- Whether one of those to put or to delete may have a deadline yet. Of a single one its record
-- tells, or, where that may have left by itself, the deadlines do.
local function may_end()
  if #KEYS > first_put then return redis.call('ZCARD', deadlines) > 0 end
  local name = KEYS[first_put]
  local record = seen[name]
  if record == nil then record = redis.call('GET', name) end -- raises, should it be no string
  if record then return deadline(record) end
  return redis.call('ZSCORE', deadlines, sub(name, begin))
end

-- What the server would refuse later is looked for before anything is written: a right, and what
-- is no string, which MSET would overwrite.
local ended = #KEYS >= first_put and may_end()
local ends = {}
if ARGV[4] == '1' then
  for i = first_put, first_delete - 1 do ends[i] = deadline(ARGV[i + 2]) or nil end
end
local deletes = #KEYS >= first_delete
if puts > 0 then check_right('MSET', KEYS[first_put], '') end
if next(ends) then
  redis.call('ZCARD', deadlines) -- raises, should it be no sorted set
  check_right('ZADD', deadlines, '0', '')
  check_right('PEXPIREAT', KEYS[first_put], '0')
end
if ended then check_right('ZREM', deadlines, '') end
if deletes then check_right('UNLINK', KEYS[first_delete]) end
if puts > 0 and deletes then check_right('ZREM', index, '') end
for i = first_put, #KEYS > first_put and first_delete - 1 or 0, LIMIT do
  local last = math.min(i + LIMIT, first_delete) - 1
  if redis.call('EXISTS', unpack(KEYS, i, last)) > 0 then
    for j = i, last do redis.call('GETRANGE', KEYS[j], '0', '0') end -- raises
  end
end

if checking then
  redis.call('ZCARD', index) -- raises, should it be no sorted set
  if puts > 0 then check_right('ZADD', index, '0', '') end
  if deletes then check_right('ZREM', index, '') end
  return refused
end

-- The index comes first: should it be no sorted set, nothing is written. New tables for each call
-- would cost as much as it does; so would a score that is a number, which is printed and read.
local scored, flat = {}, {}
for i = first_put, first_delete - 1, LIMIT do
  local last = math.min(i + LIMIT, first_delete) - 1
  for j = i, last do
    local at, name = 2 * (j - i) + 1, KEYS[j]
    scored[at], scored[at + 1] = '0', sub(name, begin)
    flat[at], flat[at + 1] = name, ARGV[j + 2]
  end
  local size = 2 * (last - i + 1)
  redis.call('ZADD', index, unpack(scored, 1, size))
  if ended then redis.call('ZREM', deadlines, unpack(texts(i, last))) end
  redis.call('MSET', unpack(flat, 1, size))
end
for i, at in pairs(ends) do
  redis.call('ZADD', deadlines, at, sub(KEYS[i], begin))
  redis.call('PEXPIREAT', KEYS[i], at + GRACE)
end
for i = first_delete, #KEYS, LIMIT do
  local last = math.min(i + LIMIT - 1, #KEYS)
  local keys = texts(i, last)
  redis.call('ZREM', index, unpack(keys))
  if ended then redis.call('ZREM', deadlines, unpack(keys)) end
  redis.call('UNLINK', unpack(KEYS, i, last))
end
return refused
