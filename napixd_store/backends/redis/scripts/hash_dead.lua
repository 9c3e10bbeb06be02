-- Not a script by itself: it stands before those that look for what is over in a hash.
-- Returns the keys of *hash* that are over *now*, and those of which *deadlines* says so wrongly,
-- for their records were replaced unseen, by a plain HSET say; at most so many of both, -1 for all.
local function dead(hash, deadlines, now, most)
  local over, stale = {}, {}
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', deadlines, '-inf', now, 'LIMIT', 0, most)) do
    local record = redis.call('HGET', hash, key)
    local found = record and is_over(record, now) and over or stale
    found[#found + 1] = key
  end
  return over, stale
end

