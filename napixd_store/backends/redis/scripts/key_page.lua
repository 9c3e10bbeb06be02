-- KEYS[1]: the index. KEYS[2]: the deadlines of its keys. ARGV[1]: what the names of the values
-- begin with. ARGV[2], ARGV[3]: the first key, and the one before which to end. ARGV[4]: 'REV' to run
-- from the end. ARGV[5]: how many. ARGV[6]: how much of each record to return, '' for all of it.
-- Returns {the last key that was looked at, or false if these were all, {key, record, ...}}.
local low, high = '[' .. ARGV[2], '(' .. ARGV[3]
local texts
if ARGV[4] == 'REV' then
  texts = redis.call('ZREVRANGEBYLEX', KEYS[1], high, low, 'LIMIT', 0, ARGV[5])
else
  texts = redis.call('ZRANGEBYLEX', KEYS[1], low, high, 'LIMIT', 0, ARGV[5])
end
local last = #texts == tonumber(ARGV[5]) and texts[#texts]
return {last, records(KEYS[1], KEYS[2], ARGV[1], texts, tonumber(ARGV[6]))}
