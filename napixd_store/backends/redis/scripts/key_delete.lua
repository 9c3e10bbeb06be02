-- KEYS[1]: the index. KEYS[2]: the deadlines of its keys. KEYS[3]: the name of the value. ARGV[1]:
-- its key. ARGV[2]: the time. Deletes the key if it is there and not over, and the traces of one
-- that is gone. Returns how many keys were deleted.
local record = redis.call('GET', KEYS[3])
if record and is_over(record, ARGV[2]) then return 0 end
local some_end = redis.call('ZCARD', KEYS[2]) > 0
if some_end then check_right('ZREM', KEYS[2], ARGV[1]) end
check_right('UNLINK', KEYS[3])
redis.call('ZREM', KEYS[1], ARGV[1])
if some_end then redis.call('ZREM', KEYS[2], ARGV[1]) end
return redis.call('UNLINK', KEYS[3])
