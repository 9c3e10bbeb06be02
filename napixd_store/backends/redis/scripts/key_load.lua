-- KEYS[1]: the index. KEYS[2]: the deadlines of its keys. ARGV[1]: what the names of the values
-- begin with. Returns all keys and records, one after the other.
return records(KEYS[1], KEYS[2], ARGV[1], redis.call('ZRANGE', KEYS[1], 0, -1))
