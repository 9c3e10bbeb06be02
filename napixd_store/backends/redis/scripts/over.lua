-- Not a script by itself: it stands before those that look for what is over.
local function is_over(record, now)
  local ends = deadline(record)
  return ends and tonumber(ends) <= tonumber(now)
end

