-- KEYS[1]: the index. ARGV[1]: what the names of the values begin with. Returns all keys and
-- records, one after the other; keys whose value is gone (evicted, say) are left out, and leave the
-- index.
local LIMIT = 1000
local texts, found = redis.call('SMEMBERS', KEYS[1]), {}
local size = 0
for i = 1, #texts, LIMIT do
  local names, last = {}, math.min(i + LIMIT - 1, #texts)
  for j = i, last do names[j - i + 1] = ARGV[1] .. texts[j] end
  local records = redis.call('MGET', unpack(names))
  for j = i, last do
    -- MGET takes what is no string for nothing, GET refuses it.
    local record = records[j - i + 1] or redis.call('GET', names[j - i + 1])
    if record then
      found[size + 1], found[size + 2] = texts[j], record
      size = size + 2
    else
      redis.pcall('SREM', KEYS[1], texts[j])
    end
  end
end
return found
