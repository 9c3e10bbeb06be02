-- KEYS[1]: the index. KEYS[2]: the deadlines of its keys. ARGV[1]: what the names of the values
-- begin with. ARGV[2]: how many to remove at most, no more than a call takes arguments. Removes so
-- many keys, and returns how many are left. A cluster that moves some refuses the call that would
-- remove those: so it is one, and comes first.
local texts = redis.call('ZRANGE', KEYS[1], 0, ARGV[2] - 1)
local left, names = redis.call('ZCARD', KEYS[1]) - #texts, {}
local some_end = left > 0 and redis.call('ZCARD', KEYS[2]) > 0
if left > 0 then check_right('ZREMRANGEBYRANK', KEYS[1], '0', '0') end
if some_end then check_right('ZREM', KEYS[2], '') end
for i = 1, #texts do names[i] = ARGV[1] .. texts[i] end
if #names > 0 then redis.call('UNLINK', unpack(names)) end
if left == 0 then
  redis.call('UNLINK', KEYS[1], KEYS[2])
else
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, #texts - 1)
  if some_end then redis.call('ZREM', KEYS[2], unpack(texts)) end
end
return left
