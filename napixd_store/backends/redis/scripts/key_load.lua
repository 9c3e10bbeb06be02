-- KEYS[1]: the index. ARGV[1]: what the names of the values begin with. Returns all keys and
-- records, one after the other.
return records(KEYS[1], ARGV[1], redis.call('SMEMBERS', KEYS[1]))
