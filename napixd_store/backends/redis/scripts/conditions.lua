-- Not a script by itself: it stands before those that write.
-- Whether a *record*, false for none, is what a *token* asks for (see lua.token()).
local function holds(token, record)
  if token == 'a' then return not record end
  return record and (token == 'p' or token == '=' .. record)
end

