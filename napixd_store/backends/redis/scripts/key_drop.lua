-- KEYS[1]: the index. ARGV[1]: what the names of the values begin with. Removes both.
for _, text in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  redis.call('UNLINK', ARGV[1] .. text)
end
redis.call('UNLINK', KEYS[1])
return 0
