-- Not a script by itself: it stands before those that look at deadlines.
-- Returns the deadline at the front of a *record*, milliseconds since 1970 as text; nil for
-- none. See napixd_store/deadline.py.
local function deadline(record)
  -- One look at the dollar spares most records the pattern.
  if string.byte(record, 3) ~= 36 then return nil end
  local digits = string.match(record, '^{"%$until":%[0*([1-9]%d*)')
  return digits and #digits <= 15 and digits or nil -- later is never, and no time to the server
end
