-- KEYS[1]: the hash. KEYS[2]: the deadlines of its keys. ARGV[1]: a key. ARGV[2]: the time. ARGV[3]:
-- how much of a record to return at most. Returns what its record begins with, or nothing of one that
-- is not over; false for a key that is not there.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return false end
return begins(KEYS[1], KEYS[2], ARGV[1], ARGV[2], ARGV[3])
