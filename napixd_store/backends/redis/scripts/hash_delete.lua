-- KEYS[1]: the hash. KEYS[2]: the deadlines of its keys. ARGV[1]: a key. ARGV[2]: the time. Deletes
-- the key if it is there and not over. Returns how many keys were deleted.
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record or is_over(record, ARGV[2]) then return 0 end
if deadline(record) then
  check_right('HDEL', KEYS[1], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return redis.call('HDEL', KEYS[1], ARGV[1])
