-- KEYS[1]: the index. KEYS[2]: the deadlines of its keys. ARGV[1]: the time.
-- Returns how many keys are not over. Where somebody else took the index away, its deadlines may
-- stand there still.
return math.max(0, redis.call('ZCARD', KEYS[1]) - redis.call('ZCOUNT', KEYS[2], '-inf', ARGV[1]))
