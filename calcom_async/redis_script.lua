-- Compare-and-set of the state of one bucket.
-- KEYS: the state. ARGV: SHA-1 of the state that the new one was computed from; the new state; its lifetime in
-- milliseconds; the time, or '' for Redis's clock. Returns whether it was stored, the time, and the state found.
local now = ARGV[4]
if now == '' then
  local time = redis.call('TIME')
  now = string.format('%d.%06d', time[1], time[2])
end
local found = redis.pcall('GET', KEYS[1])
if type(found) ~= 'string' then found = '' end -- no such key, or one of another type, which SET replaces
if redis.sha1hex(found) ~= ARGV[1] then return {0, now, found} end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return {1, now, ''}
