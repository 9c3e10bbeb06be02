-- Not a script by itself: it stands before those that write more than once.
-- What the server would refuse later must be looked for before anything is written.
local function check_right(command, ...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(command, ...) then
    error({err = 'NOPERM no right to ' .. command})
  end
end

