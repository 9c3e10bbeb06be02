-- KEYS[1]: the blob. ARGV[1]: SHA-1 of the blob expected there, '' for none. ARGV[2]: the new
-- blob, '' to delete it. Returns nothing when it was put there; or the blob that stands there, or
-- '' if none does, having changed nothing.
local current = redis.call('GET', KEYS[1])
local digest = ''
if current then digest = redis.sha1hex(current) end
if digest ~= ARGV[1] then return {current or ''} end
if checking then
  if ARGV[2] == '' then check_right('UNLINK', KEYS[1]) else check_right('SET', KEYS[1], '') end
  return {}
end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2])
end
return {}
