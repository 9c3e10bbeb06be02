-- KEYS[1]: the index. KEYS[2]: the deadlines of its keys. KEYS[3]: the name of the value. ARGV[1]:
-- its key. ARGV[2]: what to add. Returns the sum, as text where a double would round it. INCRBY
-- may refuse the value (and does where that has a deadline), or what to add, and then the index
-- must not name a key that is not there. So all that could refuse what comes after it is looked
-- for before: an index or deadlines that are no sorted set (ZCARD raises), the rights.
redis.call('ZCARD', KEYS[1])
local some_end = redis.call('ZCARD', KEYS[2]) > 0
check_right('ZADD', KEYS[1], '0', ARGV[1])
if some_end then check_right('ZREM', KEYS[2], ARGV[1]) end
local sum = redis.call('INCRBY', KEYS[3], ARGV[2])
redis.call('ZADD', KEYS[1], 0, ARGV[1])
if some_end then redis.call('ZREM', KEYS[2], ARGV[1]) end -- of one that has left by itself
if math.abs(sum) < 2 ^ 53 then return sum end
return redis.call('GET', KEYS[3])
