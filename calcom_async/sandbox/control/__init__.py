"""Control of a sandbox over HTTP: everything that a test changes or reads, in any language.

Start a sandbox with `calcom-async sandbox`, or in a container with the Dockerfile of the README. The operations below
`/_sandbox/` do what `Sandbox` does in Python. In JavaScript, for instance:

```js
async function control(method, path, body) {
  const response = await fetch(`http://127.0.0.1:8765/_sandbox${path}`, { method, body: body && JSON.stringify(body) });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text && JSON.parse(text);
}

await control("PUT", "/world", {
  users: [{ username: "ana", timeZone: "Europe/Rome" }],
  eventTypes: [{ slug: "intro", owner: "ana", lengthInMinutes: 30 }],
});
await control("PATCH", "/clock", { now: "2026-12-01T09:00:00Z" });
await control("POST", "/faults", { method: "GET", path: "/v2/me", status: 503 });
await fetch("http://127.0.0.1:8765/v2/me", { headers: { Authorization: "Bearer cal_sandbox" } });
const { requests } = await control("GET", "/requests?path=/v2/me&wait=10");
console.log(requests[0].status); // 503
await control("POST", "/reset"); // back to the declared data
```

`GET /_sandbox/openapi.json` describes every operation with its body, its parameters and its response:

- `/world`: PUT replaces the data, and POST adds to it, with a document in JSON or YAML (`calcom_async.sandbox.world`).
- `/reset`, `/snapshots`, `/snapshots/{number}/restore`: restore the declared data, or that of a snapshot.
- `/state`, `/calendar`: read the data.
- `/clock`: read, set, freeze, move and release the clock.
- `/faults`: add, list and remove scripted faults.
- `/rate-limit`: read and change the rate limit.
- `/requests`, `/deliveries`, `/deliveries/{number}/redeliver`: list or wait for the received requests and the webhook
  deliveries, and deliver again.
- `/events`: the changes as server-sent events, which the page at `/_sandbox` shows.
- `/server`, `/health`: the kind of server, and whether it runs.

Requests to these paths do not count: the rate limit, faults and the request log ignore them. An error has a JSON body,
`{"error": message}`, and bad input is a 400 that names the value.

The sandbox sends webhooks only to its own machine. In a container, `/deliveries` has those to other addresses too, with
their bodies and signatures, and an `error` instead of a status.

Only programs on this machine may use them: other host names and web pages of other origins get a 403, and there are no
CORS headers. With `--allow-remote` or `--control-token`, each request but that for `/health` needs the token as
`Authorization: Bearer TOKEN`.
"""

__all__: list[str] = []
