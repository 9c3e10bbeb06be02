-- KEYS[1]: the hash. KEYS[2]: the deadlines of its keys. ARGV[1]: the time.
-- Returns how many keys are not over.
local over = dead(KEYS[1], KEYS[2], ARGV[1], -1)
return redis.call('HLEN', KEYS[1]) - #over
