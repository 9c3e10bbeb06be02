-- Not a script by itself: it stands before those that tell which keys are there.
-- Returns the first *size* bytes of the record of a *key* that is in the *hash*, where it may be over
-- *now*; else nothing, which spares looking at it.
local function begins(hash, deadlines, key, now, size)
  local ends = redis.call('ZSCORE', deadlines, key)
  if not ends or tonumber(ends) > tonumber(now) then return '' end
  return string.sub(redis.call('HGET', hash, key), 1, size)
end

