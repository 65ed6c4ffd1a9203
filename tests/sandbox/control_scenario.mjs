// A test in another language: it controls a sandbox with plain fetch, and needs no Python.
// Run: node control_scenario.mjs ORIGIN TOKEN

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";

const [origin, token] = process.argv.slice(2);
const KEY = "cal_sandbox";
const HEADERS = { "cal-api-version": "2024-08-13", Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };

async function send(method, path, body, headers) {
  const response = await fetch(origin + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  return { status: response.status, body: text && JSON.parse(text) };
}

const api = (method, path, body) => send(method, `/v2${path}`, body, HEADERS);

async function control(method, path, body) {
  const response = await send(method, `/_sandbox${path}`, body, { Authorization: `Bearer ${token}` });
  assert.ok(response.status < 300, `${method} ${path}: ${response.status} ${JSON.stringify(response.body)}`);
  return response.body;
}

// A receiver of webhooks.
const received = [];
const receiver = createServer((request, response) => {
  let text = "";
  request.on("data", (part) => (text += part));
  request.on("end", () => {
    received.push({ event: JSON.parse(text), signature: request.headers["x-cal-signature-256"] });
    response.end();
  });
});
receiver.listen(0, "127.0.0.1");
await once(receiver, "listening");

// Declare the data, with a booking of the past, and freeze the clock.
const loaded = await control("PUT", "/world", {
  users: [{ username: "ana", timeZone: "Europe/Rome" }],
  eventTypes: [{ slug: "intro", owner: "ana", lengthInMinutes: 30 }],
  bookings: [
    {
      eventType: "ana/intro",
      uid: "past",
      start: "2026-11-02T09:00:00Z",
      attendees: [{ name: "Ada", email: "ada@example.com" }],
    },
  ],
});
assert.deepEqual(loaded.eventTypes, [{ id: 1, name: "intro" }]);
assert.deepEqual(await control("PATCH", "/clock", { now: "2026-12-01T08:00:00Z" }), {
  now: "2026-12-01T08:00:00.000Z",
  frozen: true,
});
const snapshot = await control("POST", "/snapshots");

// A fault occurs once, then the booking succeeds. Another part of the program waits for both requests.
await api("POST", "/webhooks", {
  active: true,
  subscriberUrl: `http://127.0.0.1:${receiver.address().port}/hook`,
  triggers: ["BOOKING_CREATED", "MEETING_STARTED"],
  secret: "hush",
});
await control("POST", "/faults", { method: "POST", path: "/v2/bookings", status: 503 });
const waiting = control("GET", "/requests?method=POST&path=/v2/bookings&count=2&wait=30");
const booking = {
  eventTypeId: 1,
  start: "2026-12-02T10:00:00Z",
  attendee: { name: "Bob", email: "bob@example.com", timeZone: "Europe/Rome" },
};
assert.equal((await api("POST", "/bookings", booking)).status, 503);
const booked = await api("POST", "/bookings", booking);
assert.equal(booked.status, 201);
const { requests } = await waiting;
assert.deepEqual(
  requests.map((request) => [request.status, request.fault, request.body.start]),
  [
    [503, 1, booking.start],
    [201, null, booking.start],
  ],
);
assert.equal(requests[1].headers.authorization, "***");
const [fault] = (await control("GET", "/faults")).faults;
assert.deepEqual([fault.left, fault.struck], [0, 1]);

// The webhook was delivered; deliver it again.
const { deliveries } = await control("GET", "/deliveries?trigger=BOOKING_CREATED&wait=30");
assert.equal(deliveries[0].status, 200);
assert.equal(deliveries[0].body.payload.uid, booked.body.data.uid);
await control("POST", `/deliveries/${deliveries[0].number}/redeliver`);
assert.equal(received.length, 2);
assert.deepEqual(received[0], received[1]);

// The meeting begins when the clock reaches it.
await control("PATCH", "/clock", { moveBy: 26 * 3600 });
const started = await control("GET", "/deliveries?trigger=MEETING_STARTED&wait=30");
assert.equal(started.deliveries[0].body.uid, booked.body.data.uid);

// One request per minute is allowed, then none.
await control("PATCH", "/rate-limit", { limit: 1 });
assert.deepEqual([(await api("GET", "/me")).status, (await api("GET", "/me")).status], [200, 429]);
await control("PATCH", "/rate-limit", { limit: 1000 });

// A snapshot and a reset restore the declared data.
const uids = async () => (await control("GET", "/state")).bookings.map((row) => row.uid);
assert.deepEqual(await uids(), ["past", booked.body.data.uid]);
await control("POST", `/snapshots/${snapshot.number}/restore`);
assert.deepEqual(await uids(), ["past"]);
await api("POST", "/bookings/past/cancel", { cancellationReason: "Ill" });
await control("POST", "/reset");
assert.deepEqual(await uids(), ["past"]);
assert.deepEqual(await control("GET", "/requests"), { requests: [] });

// A web page of another origin, and a request without the token, are rejected.
const foreign = { Authorization: `Bearer ${token}`, Origin: "https://evil.example" };
assert.equal((await send("POST", "/_sandbox/reset", undefined, foreign)).status, 403);
assert.equal((await send("POST", "/_sandbox/reset", undefined, {})).status, 401);

receiver.close();
console.log("done");
