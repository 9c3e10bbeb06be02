-- Not a script by itself: before it, `writes` has functions of the scripts that write one
-- collection, by their kinds. KEYS: the names of all collections, one after the other. ARGV, for
-- each: its kind, how many of KEYS and of the arguments behind it are its own, and those. Returns
-- nothing when all was applied; else which of them (from 0) refused, and what its script returns,
-- having changed nothing.
local parts, key, at = {}, 1, 1
while at <= #ARGV do
  local part = {write = writes[ARGV[at]], names = {}, arguments = {}}
  for i = 1, tonumber(ARGV[at + 1]) do
    part.names[i] = KEYS[key]
    key = key + 1
  end
  for i = 1, tonumber(ARGV[at + 2]) do part.arguments[i] = ARGV[at + 2 + i] end
  at = at + 3 + #part.arguments
  parts[#parts + 1] = part
end
for i, part in ipairs(parts) do
  local refused = part.write(part.names, part.arguments, true)
  if #refused > 0 then return {i - 1, refused} end
end
for _, part in ipairs(parts) do part.write(part.names, part.arguments, false) end
return {}
