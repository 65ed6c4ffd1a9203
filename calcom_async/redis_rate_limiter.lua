-- The books of one bucket: what `BucketState` and `WindowEstimate` are in a process, and why is said there (limiter.py, gauge.py).
--
-- KEYS: the books; the turns on their way by the time they were granted. ARGV: now, or '' for Redis's clock; the call;
-- the constants of gauge.py.
local never, const = -math.huge, cjson.decode(ARGV[3])
local CLOCK_TOLERANCE, LONGEST = const.grace, const.longest_reset
local now, call = tonumber(ARGV[1]), cjson.decode(ARGV[2])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1e6
end
local function exact(number) return string.format('%.17g', number) end

local function new_gauge(name, limit, window)
  return {
    name = name, limit = limit, window = window, remaining = 0, answered = 0, lost = 0, foreign = 0, found = 0,
    expected = 0, others = 0, caution = 0, doubted = false, untold = false,
    earliest = never, ends = never, ended = never, answered_at = never, lost_at = never, paced_at = never,
  }
end

local function is_number(value, least, most) return type(value) == 'number' and value >= least and value <= most end

-- The stored state may be of another version, or damaged. What no response can have caused is not used.
local latest = now + 2 * LONGEST
local function is_sound_gauge(gauge)
  local model = new_gauge('', 1, 1)
  for field, value in pairs(model) do
    if type(gauge[field]) ~= type(value) or gauge[field] ~= gauge[field] then return false end
  end
  for field in pairs(gauge) do
    if model[field] == nil and field ~= 'before' then return false end
  end
  for _, field in ipairs({'limit', 'remaining', 'answered', 'lost', 'foreign', 'found'}) do
    if gauge[field] % 1 ~= 0 then return false end
  end
  for _, field in ipairs({'earliest', 'ends', 'ended', 'answered_at', 'lost_at', 'paced_at'}) do
    if gauge[field] > latest then return false end
  end
  for _, field in ipairs({'remaining', 'answered', 'lost', 'foreign', 'found', 'expected', 'others', 'caution'}) do
    if not is_number(gauge[field], 0, 1e9) then return false end
  end
  return is_number(gauge.limit, 1, const.most_limit) and is_number(gauge.window, 1e-9, LONGEST)
    and (gauge.before == nil or is_number(gauge.before, 0, 1e9))
end

local function is_sound(stored)
  if not is_number(stored.used_at, 0, now) or not is_number(stored.blocked_until, never, latest) then return false end
  if #stored.gauges == 0 or #stored.gauges > const.most_names then return false end
  for _, gauge in ipairs(stored.gauges) do
    if not is_sound_gauge(gauge) then return false end
  end
  for _, other in pairs(stored.processes) do
    for _, field in ipairs({'waiting_at', 'helped_at', 'helping'}) do
      if not is_number(other[field], never, math.huge) then return false end
    end
  end
  return true
end

local function load()
  local stored = cmsgpack.unpack(redis.call('GET', KEYS[1]))
  return is_sound(stored) and stored
end

local readable, books = pcall(load)
if not readable or not books then -- none yet, or unusable: the clock may have been set back
  books = {gauges = {}, processes = {}, blocked_until = never, used_at = now}
  for i, known in ipairs(call.known) do books.gauges[i] = new_gauge(unpack(known)) end
  redis.call('DEL', KEYS[1], KEYS[2])
end
local kind = redis.call('TYPE', KEYS[2]).ok
if kind ~= 'zset' and kind ~= 'none' then redis.call('DEL', KEYS[2]) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], exact(now + 1), '+inf')

local function in_flight()
  local longest = 0
  for _, gauge in ipairs(books.gauges) do longest = math.max(longest, gauge.window) end
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', exact(now - longest))
  return redis.call('ZCARD', KEYS[2])
end

local function is_shared(gauge) return gauge.foreign - gauge.found >= 1 or (gauge.before or 0) >= 1 end

local function most_peers(gauge) return math.min(const.most_peers, gauge.limit * const.peers_part) end

local function peers(gauge)
  local caution = gauge.before and gauge.caution or 1
  local others = math.max(gauge.others, (gauge.foreign - gauge.found) / math.max(1, gauge.answered))
  return math.max(math.min(const.margin * others, most_peers(gauge)), caution * most_peers(gauge))
end

local function spare(gauge)
  if not is_shared(gauge) then return math.min(const.joiners, math.floor(gauge.limit / 100)) end
  return math.floor(math.min(most_peers(gauge), math.max(math.floor(gauge.limit / 40), peers(gauge) + 1)))
end

local function left(gauge, flying) return gauge.remaining - flying - gauge.lost - spare(gauge) end

local function burst(gauge) return math.max(1, math.floor(gauge.limit / 2)) end

local function pace(gauge)
  if gauge.untold then return gauge.window / math.max(1, gauge.limit - burst(gauge)) end
  local unhurried = gauge.window / math.max(1, gauge.limit - 1)
  local first = gauge.ends == never and gauge.lost == 0
  if first or now < gauge.ends + gauge.window then return math.max(unhurried, gauge.window / 20) end
  return unhurried
end

local function most_in_flight(gauge, room)
  local most = gauge.before and math.huge or gauge.answered + 1
  if not is_shared(gauge) then return most end
  if now - gauge.answered_at > gauge.window / 20 then return math.min(most, 1) end
  local part = math.floor(math.max(8, 2 + 2 * peers(gauge)))
  return math.min(most, math.max(1, math.floor(room / part)))
end

local function ready_beside_others(gauge, room)
  local melting = 0.6 * gauge.limit - gauge.expected
  local melted_to = (room - 1 + spare(gauge) + gauge.foreign - gauge.expected) / melting
  return melted_to >= 0 and math.max(now, gauge.ends - melted_to * gauge.window) or gauge.ends
end

local function ready_at(gauge, flying)
  if now >= gauge.ends then
    if flying >= gauge.limit then return now + pace(gauge) end
    return gauge.untold and gauge.paced_at - (burst(gauge) - 1) * pace(gauge) or gauge.paced_at
  end
  local room = left(gauge, flying)
  if room < 1 or flying >= most_in_flight(gauge, room) then return gauge.ends end
  if is_shared(gauge) then return ready_beside_others(gauge, room) end
  return room > spare(gauge) and now or math.max(now, gauge.ends - gauge.window / 10)
end

local function lose(gauge, at)
  gauge.lost, gauge.lost_at = gauge.lost + 1, at
  if at >= gauge.ends and not gauge.untold then
    gauge.paced_at = math.min(gauge.paced_at, at + gauge.window / math.max(1, gauge.limit - 1))
  end
end

local function begin(gauge, told, earliest, ends)
  gauge.limit, gauge.window = told.limit, math.max(1, told.reset)
  gauge.ended, gauge.earliest, gauge.ends, gauge.remaining = never, earliest, ends, told.remaining
  gauge.answered, gauge.lost, gauge.foreign = 0, 0, 0
end

local function open(gauge, told, earliest, ends)
  local unseen = math.min(1, math.max(0, gauge.ends - gauge.answered_at) / gauge.window)
  gauge.before = gauge.foreign + unseen * (gauge.before or 0)
  gauge.others = (gauge.before - gauge.found) / math.max(1, gauge.answered + gauge.lost)
  gauge.caution = gauge.caution * const.calm
  gauge.ended, gauge.earliest, gauge.ends, gauge.remaining = gauge.ends, earliest, ends, told.remaining
  gauge.answered, gauge.lost, gauge.foreign, gauge.found = 0, 0, 0, 0
end

local function count_others(gauge, event, flying)
  if event.sent_at >= gauge.lost_at then gauge.answered, gauge.lost = gauge.answered + gauge.lost, 0 end
  gauge.answered, gauge.answered_at = gauge.answered + 1, event.at
  local hits = gauge.limit - gauge.remaining
  gauge.foreign = math.max(gauge.foreign, hits - gauge.answered - gauge.lost - flying)
  local passed = 1 - math.max(0, gauge.ends - event.at) / gauge.window
  gauge.expected = math.min(gauge.limit / 2, math.max(gauge.before or 0, gauge.foreign / math.max(0.25, passed)))
end

local function learn(gauge, told, event, flying)
  local blocked = told.remaining < 1 and (event.retry_after or #event.limits > 1)
  local earliest, ends = event.sent_at + told.reset - 1, event.at + told.reset + CLOCK_TOLERANCE
  local of_another_window = earliest < gauge.ended or ends <= gauge.earliest
  if of_another_window and (blocked or event.sent_at < gauge.answered_at) then return lose(gauge, event.at) end
  local unlikely = not blocked and told.reset > math.max(const.longest_retry_after, 2 * gauge.window)
  gauge.doubted = unlikely and not gauge.doubted
  if gauge.doubted then return lose(gauge, event.at) end
  local begins = not blocked and (of_another_window or told.limit ~= gauge.limit or gauge.ends == never)
  gauge.untold = false
  if blocked then
    gauge.limit, gauge.remaining, gauge.ends, gauge.caution = told.limit, 0, math.max(gauge.ends, ends), 1
  elseif begins then
    begin(gauge, told, earliest, ends)
  elseif earliest >= gauge.ends then
    open(gauge, told, earliest, ends)
  else
    gauge.remaining = math.min(gauge.remaining, told.remaining)
    gauge.earliest, gauge.ends = math.max(gauge.earliest, earliest), math.min(gauge.ends, ends)
  end
  if not blocked and (told.remaining == told.limit - 1 or told.reset > gauge.window) then
    gauge.window = math.max(1, told.reset)
  end
  count_others(gauge, event, flying)
  if begins then gauge.found = gauge.foreign end
end

local function rename(limits)
  local known, same = {}, #limits == #books.gauges
  for i, gauge in ipairs(books.gauges) do
    known[gauge.name] = gauge
    same = same and gauge.name == limits[i][1]
  end
  if same then return end
  books.gauges = {}
  for i, told in ipairs(limits) do
    books.gauges[i] = known[told[1]] or new_gauge(told[1], told[2], math.max(1, told[4]))
  end
end

local function doubt(at)
  for _, gauge in ipairs(books.gauges) do gauge.ends = math.min(gauge.ends, at) end
end

local function settle(event)
  local limits = event.limits or {}
  event.at = math.min(event.at, now)
  if #limits > 0 then
    local flying = in_flight()
    rename(limits)
    for i, limit in ipairs(limits) do
      local told = {limit = limit[2], remaining = limit[3], reset = limit[4]}
      learn(books.gauges[i], told, event, flying)
    end
  end
  if event.retry_after then
    books.blocked_until = math.max(books.blocked_until, event.at + event.retry_after + CLOCK_TOLERANCE)
    if #limits == 0 then doubt(event.at) end
  elseif #limits == 0 then
    for _, gauge in ipairs(books.gauges) do
      lose(gauge, event.at)
      gauge.untold = gauge.untold or event.limits ~= nil
    end
  end
end

local function withdraw()
  for _, gauge in ipairs(books.gauges) do
    if now >= gauge.ends then gauge.paced_at = gauge.paced_at - pace(gauge) end
  end
end

-- While other processes wait too, each takes an equal part of the room and then lets the others have a look.
local function helping(own, flying)
  local room, others = never, 0
  for _, gauge in ipairs(books.gauges) do
    if now < gauge.ends then room = math.max(room, left(gauge, flying)) end
  end
  for process, other in pairs(books.processes) do
    local waits = now - other.waiting_at < 2 * call.pause
    if waits and process ~= call.process then others = others + 1 end
    if not waits and now - other.helped_at > call.pause then books.processes[process] = nil end
  end
  if others == 0 or room < 1 then return math.huge end
  if now - own.helped_at >= call.pause then own.helped_at, own.helping = now, math.ceil(room / (others + 1)) end
  return own.helping
end

local function grant(wanted)
  local granted, flying = 0, in_flight()
  local own = books.processes[call.process] or {waiting_at = never, helped_at = never, helping = 0}
  local most = math.min(wanted, helping(own, flying))
  while granted < most do
    local opens_at = math.huge
    for _, gauge in ipairs(books.gauges) do opens_at = math.min(opens_at, ready_at(gauge, flying)) end
    if math.max(opens_at, books.blocked_until) > now then break end
    for _, gauge in ipairs(books.gauges) do
      if now >= gauge.ends then gauge.paced_at = math.max(gauge.paced_at, now) + pace(gauge) end
    end
    redis.call('ZADD', KEYS[2], exact(now), call.process .. ':' .. exact(call.first + granted))
    granted, flying = granted + 1, flying + 1
  end
  own.helping = own.helping - granted
  own.waiting_at = granted < wanted and now or never
  if wanted > 0 then books.processes[call.process] = own end
  return granted, flying
end

-- Without end or in the past: never. Relative to now, because JSON has fewer digits than a time.
local times = {earliest = true, ends = true, ended = true, answered_at = true, lost_at = true, paced_at = true}
local function copy(gauge)
  local told = {}
  for field, value in pairs(gauge) do
    if value ~= never then told[field] = times[field] and value - now or value end
  end
  return told
end

for _, event in ipairs(call.events) do
  local was_on_its_way = redis.call('ZREM', KEYS[2], call.process .. ':' .. exact(event.number)) == 1
  if not event.unsent then settle(event) elseif was_on_its_way then withdraw() end
end
if call.doubt then doubt(now) end
local granted, flying = grant(call.wanted)
books.used_at = now

local copies, over = {}, books.blocked_until
for _, gauge in ipairs(books.gauges) do
  copies[gauge.name] = copy(gauge)
  over = math.max(over, gauge.ends, now + 2 * gauge.window)
end
local kept = math.ceil((over - now) * 1000)
redis.call('SET', KEYS[1], cmsgpack.pack(books), 'PX', kept)
redis.call('PEXPIRE', KEYS[2], kept)
local blocked_for = math.max(0, books.blocked_until - now)
return {exact(now), cjson.encode({granted = granted, in_flight = flying, blocked_for = blocked_for, gauges = copies})}
