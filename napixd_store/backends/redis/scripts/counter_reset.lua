-- KEYS[1]: the counter. ARGV[1]: its new value. Returns the old one as text: a number would pass
-- through a double. Adding 0 makes the server refuse what is no counter, before it is changed.
redis.call('INCRBY', KEYS[1], 0)
local old = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1])
return old
