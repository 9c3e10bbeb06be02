-- KEYS[1]: the index. KEYS[2]: the name of the value. ARGV[1]: its key. ARGV[2]: what to add.
-- Returns the sum as text: a number would pass through a double. INCRBY may refuse the value, or
-- what to add, and then the index must not name a key that is not there. So all that could refuse
-- the SADD is looked for before: an index that is no set (SCARD raises), and the right to it.
redis.call('SCARD', KEYS[1])
if redis.acl_check_cmd and not redis.acl_check_cmd('SADD', KEYS[1], ARGV[1]) then
  return redis.error_reply('NOPERM no right to SADD')
end
redis.call('INCRBY', KEYS[2], ARGV[2])
redis.call('SADD', KEYS[1], ARGV[1])
return redis.call('GET', KEYS[2])
