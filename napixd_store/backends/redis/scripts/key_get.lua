-- KEYS: the names of values. Returns their records, nothing where none is; MGET would take what is
-- no string for nothing.
local found = {}
for i = 1, #KEYS do found[i] = redis.call('GET', KEYS[i]) end
return found
