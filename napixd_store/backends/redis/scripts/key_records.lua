-- Not a script by itself: it stands before those that read values by the index.
-- Returns the keys of *texts* and their records, or the first *size* bytes of them if there is a
-- size, one after the other. Keys whose value is gone (evicted, say) are left out, and leave the
-- *index* and the *deadlines*. The names of values *begin* so.
local LIMIT = 1000 -- as many arguments as a call takes for certain

local function records(index, deadlines, begin, texts, size)
  local found, last = {}, 0
  for i = 1, #texts, LIMIT do
    local names, to, values = {}, math.min(i + LIMIT - 1, #texts), {}
    for j = i, to do names[j - i + 1] = begin .. texts[j] end
    if not size then values = redis.call('MGET', unpack(names)) end
    for j = i, to do
      local name, record = names[j - i + 1], values[j - i + 1]
      if size then
        record = redis.call('GETRANGE', name, 0, size - 1)
        if record == '' and redis.call('EXISTS', name) == 0 then record = false end
      elseif not record then
        record = redis.call('GET', name) -- MGET takes what is no string for nothing, GET refuses it
      end
      if record then
        found[last + 1], found[last + 2] = texts[j], record
        last = last + 2
      else
        redis.pcall('ZREM', index, texts[j])
        redis.pcall('ZREM', deadlines, texts[j])
      end
    end
  end
  return found
end

