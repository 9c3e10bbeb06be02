-- Not a script by itself: it stands before those that read values by the index.
-- Returns the keys of *texts* and their records, one after the other. Keys whose value is gone
-- (evicted, say) are left out, and leave the *index*. The names of values *begin* so.
local LIMIT = 1000 -- as many arguments as a call takes for certain

local function records(index, begin, texts)
  local found, size = {}, 0
  for i = 1, #texts, LIMIT do
    local names, last = {}, math.min(i + LIMIT - 1, #texts)
    for j = i, last do names[j - i + 1] = begin .. texts[j] end
    local values = redis.call('MGET', unpack(names))
    for j = i, last do
      -- MGET takes what is no string for nothing, GET refuses it.
      local record = values[j - i + 1] or redis.call('GET', names[j - i + 1])
      if record then
        found[size + 1], found[size + 2] = texts[j], record
        size = size + 2
      else
        redis.pcall('SREM', index, texts[j])
      end
    end
  end
  return found
end

