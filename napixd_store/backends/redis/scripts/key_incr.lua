-- KEYS[1]: the index. ARGV[1]: the name of the value. ARGV[2]: its key. ARGV[3]: what to add.
-- Returns the sum as text: a number would pass through a double. A key that cannot be added to
-- exists, so the index may name it before INCRBY refuses.
redis.call('SADD', KEYS[1], ARGV[2])
redis.call('INCRBY', ARGV[1], ARGV[3])
return redis.call('GET', ARGV[1])
