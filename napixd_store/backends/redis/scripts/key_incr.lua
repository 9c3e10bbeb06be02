-- KEYS[1]: the index. ARGV[1]: the name of the value. ARGV[2]: its key. ARGV[3]: what to add.
-- Returns the sum as text: a number would pass through a double. INCRBY may refuse the value, or
-- what to add, and then the index must not name a key that is not there. SCARD raises where the
-- index is no set, so that nothing is written.
redis.call('SCARD', KEYS[1])
redis.call('INCRBY', ARGV[1], ARGV[3])
redis.call('SADD', KEYS[1], ARGV[2])
return redis.call('GET', ARGV[1])
