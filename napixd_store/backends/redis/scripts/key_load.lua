-- KEYS[1]: the index. ARGV[1]: what the names of the values begin with. Returns all keys and
-- records, one after the other; keys whose value is gone (evicted, say)
-- are left out, and leave the index.
local found = {}
for _, text in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local record = redis.call('GET', ARGV[1] .. text)
  if record then
    found[#found + 1] = text
    found[#found + 1] = record
  else
    redis.pcall('SREM', KEYS[1], text)
  end
end
return found
