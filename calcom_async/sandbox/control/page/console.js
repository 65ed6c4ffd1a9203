// The console of the sandbox. It reads and changes everything through the control API below /_sandbox.

const MAX_REQUESTS = 300, MAX_DELIVERIES = 100, PIXELS_PER_HOUR = 40, DAY = 86_400_000;
const $ = id => document.getElementById(id);
const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

let token = new URLSearchParams(location.hash.slice(1)).get("token") ?? sessionStorage.getItem("token") ?? "";
let clock = {now: Date.now(), frozen: false, readAt: Date.now()};
let zone = "UTC";
let weekStart = null; // the first of the seven days that are shown, as a midnight in UTC
let requests = [], deliveries = [];

// ---------------------------------------------------------------- small helpers

// Create an element. Text is never parsed as HTML: paths, bodies and names come from anybody.
function element(name, properties = {}, ...children) {
  const {dataset, ...rest} = properties;
  const created = Object.assign(document.createElement(name), rest);
  Object.assign(created.dataset, dataset);
  created.append(...children);
  return created;
}

// Replace the children of a node. The button that has the focus keeps it: it is found by its key.
function replaceChildren(node, ...children) {
  const key = node.contains(document.activeElement) && document.activeElement.dataset.key;
  node.replaceChildren(...children);
  if (key) [...node.querySelectorAll("[data-key]")].find(child => child.dataset.key === key)?.focus({preventScroll: true});
}

// Call `show` with a value, unless it is the same as last time: open menus, selected text and the focus stay.
const lastShown = new Map();
function showIfChanged(show, value) {
  const text = JSON.stringify(value);
  if (lastShown.get(show) !== text) show(value);
  lastShown.set(show, text);
}

function notify(message) {
  $("notice").textContent = message;
  $("notice").hidden = !message;
}

async function api(method, path, body) {
  const headers = token ? {Authorization: `Bearer ${token}`} : {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(`/_sandbox${path}`, {method, headers, body: body && JSON.stringify(body)})
    .catch(() => { throw new Error("The sandbox does not respond."); });
  if (response.status === 401) askForToken();
  const result = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(result.error ?? `status ${response.status}`);
  return result;
}

// Run an action of the user, and show what went wrong.
async function attempt(action) {
  try {
    notify("");
    return await action();
  } catch (error) {
    notify(error.message);
  }
}

const onClick = (id, action) => $(id).addEventListener("click", () => attempt(action));
const onSubmit = (id, action) => $(id).addEventListener("submit", event => {
  event.preventDefault();
  attempt(action);
});

function askForToken() {
  if (token) notify("The control token is wrong.");
  sessionStorage.removeItem("token");
  $("login").hidden = false;
  $("main").hidden = true;
}

function showDetails(title, value) {
  $("details-title").textContent = title;
  $("details-body").textContent = JSON.stringify(value, null, 2);
  $("details").showModal();
}

// ---------------------------------------------------------------- times in a time zone

const formats = new Map();

function format(kind, options) {
  const key = `${kind} ${zone}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", {timeZone: zone, hourCycle: "h23", ...options}));
  return formats.get(key);
}

// Return an instant as the UTC time with the same numbers on the clock: arithmetic on it is arithmetic of local time.
function local(instant) {
  const parts = {};
  const numbers = format("parts", {year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric"});
  for (const {type, value} of numbers.formatToParts(instant)) parts[type] = Number(value);
  return Date.UTC(parts.year, parts.month - 1, parts.day, parts.hour, parts.minute, parts.second);
}

// Return the instant at which the clock of the zone shows a local time.
function instant(localTime) {
  const guess = localTime - (local(localTime) - localTime);
  return guess - (local(guess) - localTime);
}

const midnight = localTime => Math.floor(localTime / DAY) * DAY;
const time = at => format("time", {hour: "2-digit", minute: "2-digit"}).format(at);
const sandboxNow = () => clock.frozen ? clock.now : clock.now + Date.now() - clock.readAt;

// ---------------------------------------------------------------- clock

function showClock(view) {
  clock = {now: Date.parse(view.now), frozen: view.frozen, readAt: Date.now()};
  $("frozen").hidden = !view.frozen;
  $("freeze").textContent = view.frozen ? "Unfreeze" : "Freeze";
  tick();
}

function tick() {
  const shown = new Date(sandboxNow()).toISOString();
  $("now").dateTime = shown;
  $("now").textContent = `${shown.slice(0, 10)} ${shown.slice(11, 19)} UTC`;
}

const changeClock = async change => showClock(await api("PATCH", "/clock", change));

for (const button of document.querySelectorAll("[data-move]")) {
  button.addEventListener("click", () => attempt(() => changeClock({moveBy: Number(button.dataset.move)})));
}
onClick("freeze", () => changeClock({frozen: !clock.frozen}));
onSubmit("set-clock", () => changeClock({now: `${$("clock-value").value}:00Z`.replace(/(:\d\d:\d\d):00Z$/, "$1Z")}));

// ---------------------------------------------------------------- the week

// Give items that overlap lanes side by side.
function assignLanes(items) {
  let group = [], end = -Infinity;
  const close = () => group.forEach(item => { item.lanes = Math.max(...group.map(other => other.lane)) + 1; });
  for (const item of items) {
    if (item.start >= end) { close(); group = []; }
    const taken = new Set(group.filter(other => other.end > item.start).map(other => other.lane));
    item.lane = 0;
    while (taken.has(item.lane)) item.lane++;
    group.push(item);
    end = Math.max(end, item.end);
  }
  close();
}

function calendarItems(view) {
  const bookings = view.bookings.map(row => ({row, start: Date.parse(row.start), end: Date.parse(row.end)}));
  const slots = view.slots.map(row => ({start: Date.parse(row.start), end: Date.parse(row.end)}));
  return [...bookings, ...slots].sort((one, other) => one.start - other.start || one.end - other.end);
}

// Return the items of a day with their place in it: `top` and `bottom` in milliseconds after midnight. What goes on after
// midnight is in both days.
function itemsOfDay(items, day) {
  const placed = items.map(item => ({...item, top: Math.max(item.localStart - day, 0), bottom: Math.min(item.localEnd - day, DAY)}));
  return placed.filter(item => item.localStart < day + DAY && item.localEnd > day);
}

function showItem(item, firstHour) {
  const {row} = item;
  const kind = row ? `booking ${row.status}` : "free";
  const node = element("li", {className: `item ${kind} ${item.end - item.start < 3_000_000 ? "short" : ""}`});
  const range = `${time(item.start)}–${time(item.end)}`;
  if (row) {
    // Names in Arabic or Hebrew are isolated: they do not move the time and the status that are around them.
    const title = element("bdi", {textContent: row.title});
    const button = element("button", {type: "button", dataset: {key: row.uid}},
      `${range} `, title, row.status === "accepted" ? "" : ` (${row.status})`);
    button.title = button.textContent;
    button.addEventListener("click", () => showDetails(row.title, row));
    node.append(button);
  } else {
    node.title = `${range} free`;
    node.append(element("span", {textContent: range}));
  }
  const minutes = item.top / 60_000 - firstHour * 60;
  const style = {top: minutes, length: Math.max((item.bottom - item.top) / 60_000, 24)};
  for (const [name, value] of Object.entries(style)) node.style.setProperty(`--${name}`, `${value * PIXELS_PER_HOUR / 60 - 1}px`);
  node.style.setProperty("--lane", item.lane);
  node.style.setProperty("--lanes", item.lanes);
  return node;
}

function showWeek({view, weekStart, today}) {
  const items = calendarItems(view).map(item => ({...item, localStart: local(item.start), localEnd: local(item.end)}));
  const byDay = Array.from({length: 7}, (_, index) => itemsOfDay(items, weekStart + index * DAY));
  const hours = byDay.flat().flatMap(item => [item.top / 3_600_000, item.bottom / 3_600_000]);
  const firstHour = Math.floor(Math.min(8, ...hours)), lastHour = Math.ceil(Math.max(18, ...hours));
  const days = [];
  for (const [index, ofDay] of byDay.entries()) {
    const day = weekStart + index * DAY;
    assignLanes(ofDay);
    const title = new Intl.DateTimeFormat("en-GB", {timeZone: "UTC", weekday: "short", day: "numeric", month: "short"}).format(day);
    const list = element("ol", {}, ...ofDay.map(item => showItem(item, firstHour)));
    list.style.setProperty("--height", `${(lastHour - firstHour) * PIXELS_PER_HOUR}px`);
    const heading = element("h3", {textContent: title, ariaCurrent: day === today ? "date" : "false"});
    days.push(element("section", {className: day === today ? "day today" : "day"}, heading, list));
  }
  const axis = element("div", {className: "axis", ariaHidden: "true"});
  for (let hour = firstHour; hour < lastHour; hour++) axis.append(element("div", {textContent: `${hour}:00`}));
  const scrolled = $("days").scrollTop;
  replaceChildren($("days"), axis, ...days);
  $("days").scrollTop = scrolled;
  const bookings = `${view.bookings.length + view.more} bookings${view.more ? ` (${view.bookings.length} shown)` : ""}`;
  $("week-summary").textContent = view.problem ?? `${bookings}, ${view.slots.length} free slots`;
}

function showEventTypes(choices) {
  const select = $("event-type"), chosen = select.value;
  const options = choices.map(({id, title, owner}) => element("option", {value: id, textContent: `${title} (${owner})`}));
  select.replaceChildren(element("option", {value: "", textContent: "no event type"}), ...options);
  // The first choice of a new page is the first event type; later on the choice of the user stays.
  select.value = chosen || (select.dataset.touched ? "" : choices[0]?.id ?? "");
  if (select.selectedIndex < 0) select.value = "";
}

let lastLoad = 0;

async function loadWeek() {
  const load = ++lastLoad;
  weekStart ??= midnight(local(sandboxNow()));
  // In the weeks that change to and from summer time, seven days are not 168 hours.
  const [start, end] = [weekStart, weekStart + 7 * DAY].map(day => new Date(instant(day)).toISOString());
  const query = new URLSearchParams({start, end});
  if ($("event-type").value) query.set("eventTypeId", $("event-type").value);
  let view;
  try {
    view = await api("GET", `/calendar?${query}`);
  } catch (error) { // for instance after a reset that removed the event type
    if (!query.has("eventTypeId")) throw error;
    query.delete("eventTypeId");
    view = await api("GET", `/calendar?${query}`);
  }
  if (load !== lastLoad) return; // a later one shows another week, zone or event type
  const chosen = $("event-type").value;
  showIfChanged(showEventTypes, view.eventTypes);
  if ($("event-type").value !== chosen) return loadWeek();
  showIfChanged(showWeek, {view, weekStart, zone, today: midnight(local(sandboxNow()))});
}

function moveWeek(days) {
  weekStart = days ? weekStart + days * DAY : null;
  return loadWeek();
}

onClick("previous", () => moveWeek(-7));
onClick("next", () => moveWeek(7));
onClick("today", () => moveWeek(0));
$("event-type").addEventListener("change", event => {
  event.target.dataset.touched = "yes";
  attempt(loadWeek);
});
$("zone").replaceChildren(...[...new Set(["UTC", browserZone, ...Intl.supportedValuesOf("timeZone")])].map(name => element("option", {textContent: name})));
$("zone").addEventListener("change", event => {
  zone = event.target.value;
  attempt(loadWeek);
});

// ---------------------------------------------------------------- requests

const statusClass = status => status >= 200 && status < 400 ? "good" : "bad";

function requestRow(request) {
  const query = request.query.map(([name, value]) => `${name}=${value}`).join("&");
  const button = element("button", {type: "button", textContent: `${request.method} ${request.path}${query && `?${query}`}`});
  button.addEventListener("click", () => showDetails(`${request.method} ${request.path}`, request));
  return element("tr", {className: "new"},
    element("td", {}, element("time", {dateTime: request.time, title: request.time, textContent: request.time.slice(11, 19)})),
    element("td", {}, button),
    element("td", {className: statusClass(request.status), textContent: request.status || "dropped"}),
    element("td", {className: "number", textContent: request.milliseconds.toFixed(1)}),
    element("td", {className: "number", textContent: request.remaining ?? ""}),
    element("td", {textContent: request.fault ?? ""}));
}

function isShown(request) {
  const words = $("filter").value.toLowerCase().split(/\s+/);
  const text = `${request.method} ${request.path} ${request.status}`.toLowerCase();
  return words.every(word => text.includes(word));
}

function addRequests(added) {
  requests.push(...added);
  requests = requests.slice(-MAX_REQUESTS);
  $("request-rows").prepend(...added.filter(isShown).map(requestRow).reverse());
  while ($("request-rows").childElementCount > MAX_REQUESTS) $("request-rows").lastElementChild.remove();
  summarizeRequests();
}

function showRequests() {
  $("request-rows").replaceChildren(...requests.filter(isShown).map(requestRow).reverse());
  summarizeRequests();
}

function summarizeRequests() {
  const shown = $("request-rows").childElementCount;
  $("no-requests").hidden = requests.length > 0;
  $("request-summary").textContent = requests.length ? `latest ${requests.length} requests, ${shown} shown` : "";
}

$("filter").addEventListener("input", showRequests);
onClick("clear-requests", () => api("DELETE", "/requests"));

// ---------------------------------------------------------------- webhook deliveries

function deliveryRow(delivery) {
  const open = element("button", {type: "button", className: "open", textContent: `${delivery.trigger} ${delivery.url}`, dataset: {key: `open ${delivery.number}`}});
  open.addEventListener("click", () => showDetails(`${delivery.trigger} ${delivery.number}`, delivery));
  const result = element("span", {className: statusClass(delivery.status ?? 0), textContent: delivery.status ?? delivery.error});
  const again = element("button", {type: "button", textContent: "Redeliver", ariaLabel: `Redeliver ${delivery.trigger} ${delivery.number}`, dataset: {key: `redeliver ${delivery.number}`}});
  again.addEventListener("click", () => attempt(() => api("POST", `/deliveries/${delivery.number}/redeliver`)));
  return element("li", {}, open, result, again);
}

function showDeliveries() {
  deliveries = deliveries.slice(-MAX_DELIVERIES);
  replaceChildren($("delivery-rows"), ...deliveries.map(deliveryRow).reverse());
  $("no-deliveries").hidden = deliveries.length > 0;
}

// ---------------------------------------------------------------- faults, rate limit, data

function effectOf(fault) {
  const known = [
    fault.status !== null && `status ${fault.status}`, fault.html && "error page of a proxy", fault.cut && `connection dropped ${fault.cut} acting`,
    fault.slow && `response ${fault.slow} s late`, fault.invalidBody && "body is not JSON", fault.truncated && "half of the body",
    fault.body !== null && "another body", Object.keys(fault.headers).length && "more headers"];
  return known.filter(Boolean).join(", ");
}

function faultRow(fault) {
  const route = `${fault.method === "*" ? "any method" : fault.method} ${fault.path}`;
  const left = fault.left === null ? "unlimited" : fault.left === 0 ? "used up" : `${fault.left} left`;
  const text = `${fault.number}: ${route}: ${effectOf(fault)} (${fault.struck} so far, ${left})`;
  const remove = element("button", {type: "button", textContent: "Remove", ariaLabel: `Remove fault ${fault.number}`, dataset: {key: fault.number}});
  remove.addEventListener("click", () => attempt(() => api("DELETE", `/faults/${fault.number}`)));
  return element("li", {}, element("span", {textContent: text}), remove);
}

function showFaults({faults}) {
  replaceChildren($("fault-rows"), ...faults.map(faultRow));
  $("no-faults").hidden = faults.length > 0;
}

onSubmit("add-fault", () => api("POST", "/faults", {
  method: $("fault-method").value, path: $("fault-path").value, times: $("fault-times").valueAsNumber, ...JSON.parse($("fault-effect").value),
}));

function showLimit(view) {
  for (const name of ["limit", "window", "block"]) {
    if (document.activeElement !== $(name)) $(name).value = view[name];
  }
}

onSubmit("set-limit", () => api("PATCH", "/rate-limit", {
  limit: $("limit").valueAsNumber, window: $("window").valueAsNumber, block: $("block").valueAsNumber,
}));

async function loadState() {
  showIfChanged(showState, await api("GET", `/state?take=${$("state").open ? 50 : 1}`));
}

function showState(state) {
  $("counts").textContent = Object.entries(state.counts)
    .map(([name, count]) => `${name === "eventTypes" ? "event types" : name}: ${count.toLocaleString("en")}`).join(", ");
  if ($("state").open) $("state").querySelector("pre").textContent = JSON.stringify(state, null, 2);
}

$("state").addEventListener("toggle", () => attempt(loadState));
onClick("reset", async () => {
  if (confirm("Restore the initial data, and clear faults, requests and deliveries?")) await api("POST", "/reset");
});
onClick("copy-url", () => navigator.clipboard.writeText($("url").textContent));
onClick("close-details", () => $("details").close());

// ---------------------------------------------------------------- the stream of events

async function refresh() {
  const [now, faults, limit] = await Promise.all(["/clock", "/faults", "/rate-limit"].map(path => api("GET", path)));
  showClock(now);
  showIfChanged(showFaults, faults);
  showLimit(limit);
  await Promise.all([loadWeek(), loadState()]);
}

// One refresh at a time, and one more if anything has changed meanwhile.
let refreshing = null, isStale = false;

function scheduleRefresh() {
  isStale = true;
  refreshing ??= (async () => {
    while (isStale) {
      isStale = false;
      await refresh().catch(error => notify(error.message));
      await new Promise(resolve => setTimeout(resolve, 200));
    }
    refreshing = null;
  })();
}

// `first` has the numbers of the first request and delivery that a reset has not removed.
function onChange(first) {
  if (requests[0]?.number < first.requests) {
    requests = requests.filter(request => request.number >= first.requests);
    showRequests();
  }
  if (deliveries[0]?.number < first.deliveries) {
    deliveries = deliveries.filter(delivery => delivery.number >= first.deliveries);
    showDeliveries();
  }
  scheduleRefresh();
}

function onEvents(text) {
  const rows = {request: [], delivery: [], change: []};
  for (const block of text.split("\n\n")) {
    const found = /^event: (\w+)\ndata: (.*)$/.exec(block);
    if (found) rows[found[1]]?.push(JSON.parse(found[2]));
  }
  if (rows.request.length) addRequests(rows.request);
  if (rows.delivery.length) { deliveries.push(...rows.delivery); showDeliveries(); }
  if (rows.change.length) onChange(rows.change.at(-1));
}

// EventSource cannot send the token, so the stream is read with fetch.
async function follow() {
  const query = new URLSearchParams({requests: requests.at(-1)?.number ?? 0, deliveries: deliveries.at(-1)?.number ?? 0});
  const response = await fetch(`/_sandbox/events?${query}`, {headers: token ? {Authorization: `Bearer ${token}`} : {}});
  if (response.status === 401) return askForToken();
  if (!response.ok) throw new Error(`status ${response.status}`);
  $("kind").textContent = (await api("GET", "/server")).kind;
  setConnection("live", "Live");
  notify("");
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value;
    const end = text.lastIndexOf("\n\n");
    if (end >= 0) {
      onEvents(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
  throw new Error("the stream has ended");
}

function setConnection(state, text) {
  $("connection").dataset.state = state;
  $("connection").textContent = text;
}

async function run() {
  $("url").textContent = `${location.origin}/v2`;
  for (let pause = 500; ; pause = Math.min(2 * pause, 10_000)) {
    const started = Date.now();
    try {
      await follow();
      return; // the token is missing
    } catch {
      setConnection("lost", "Connection lost, trying again");
    }
    if (Date.now() - started > 10_000) pause = 500;
    await new Promise(resolve => setTimeout(resolve, pause));
    requests = [];
    deliveries = [];
    showRequests();
    showDeliveries();
  }
}

onSubmit("login", async () => {
  token = $("token").value;
  $("login").hidden = true;
  $("main").hidden = false;
  await start();
});

async function start() {
  if (token) sessionStorage.setItem("token", token);
  history.replaceState(null, "", location.pathname); // the token must not stay in the address bar
  await attempt(run);
}

setInterval(tick, 1000);
start();
