-- Not a script by itself: it stands before those that are parts of several.lua, too. There they
-- run twice: first to look for all that could refuse them, *checking*, then to write.
local checking = false

