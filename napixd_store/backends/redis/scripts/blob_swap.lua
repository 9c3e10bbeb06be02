-- KEYS[1]: the blob. ARGV[1]: SHA-1 of the blob expected there, '' for none. ARGV[2]: the new
-- blob, '' to delete it. Returns {1}, or {0, the blob that stands there} having changed nothing.
local current = redis.call('GET', KEYS[1])
local digest = ''
if current then digest = redis.sha1hex(current) end
if digest ~= ARGV[1] then return {0, current} end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2])
end
return {1}
