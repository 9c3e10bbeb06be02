-- KEYS[1]: the index. KEYS[2]: the deadlines of its keys. ARGV[1]: what the names of the values
-- begin with. Removes all of them. A cluster that moves some refuses to look for those: so all are
-- looked for before any is removed.
local LIMIT = 1000
local names = redis.call('ZRANGE', KEYS[1], 0, -1)
for i = 1, #names do names[i] = ARGV[1] .. names[i] end
for i = 1, #names, LIMIT do
  redis.call('EXISTS', unpack(names, i, math.min(i + LIMIT - 1, #names)))
end
for i = 1, #names, LIMIT do
  redis.call('UNLINK', unpack(names, i, math.min(i + LIMIT - 1, #names)))
end
redis.call('UNLINK', KEYS[1], KEYS[2])
return 0
