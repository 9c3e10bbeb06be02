-- KEYS[1]: the index. ARGV[1]: what the names of the values begin with. ARGV[2]: where to go on.
-- ARGV[3]: about how many. Returns {where to go on next, {key, record, ...}}. Keys whose value is
-- gone leave the index.
local batch = redis.call('SSCAN', KEYS[1], ARGV[2], 'COUNT', ARGV[3])
local found = {}
for _, text in ipairs(batch[2]) do
  local record = redis.call('GET', ARGV[1] .. text)
  if record then
    found[#found + 1] = text
    found[#found + 1] = record
  else
    redis.pcall('SREM', KEYS[1], text)
  end
end
return {batch[1], found}
