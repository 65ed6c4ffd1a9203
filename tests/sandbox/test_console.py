"""The console: the page, what it reads, and what a person sees and does in a real browser."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import chromium
import pytest
from control_client import ControlClient

from calcom_async import ApiError, Calcom
from calcom_async.models import Attendee
from calcom_async.sandbox import Delivery, Sandbox, world as declared
from calcom_async.sandbox.control import stream
from calcom_async.sandbox.control.console import console_file
from calcom_async.sandbox.control.target import EventStream
from calcom_async.sandbox.http.messages import HttpRequest, HttpResponse

MONDAY = datetime(2026, 12, 7, 8, tzinfo=UTC)
PAGE = Path(stream.__file__).parent / "page"
ADA = Attendee(name="Ada <b>Lovelace</b>", email="ada@example.com", time_zone="Europe/Rome")
needs_chromium = pytest.mark.skipif(chromium.PROGRAM is None, reason="Chromium is not installed")


@pytest.fixture
def sandbox():
    return Sandbox(bookings=20, now=MONDAY)


@pytest.fixture
def control(sandbox):
    return ControlClient(sandbox)


# --- the files


def test_the_page_is_small_and_complete():
    """The files of the console are all served, have at most 60 kB together, and load nothing from elsewhere."""
    files = {path.name: path.read_text() for path in PAGE.iterdir()}
    assert sum(len(text.encode()) for text in files.values()) <= 60_000
    used = re.findall(r'(?:src|href)="(/_sandbox/console[^"]*)"', files["index.html"])
    assert {console_file(path.removeprefix("/_sandbox")).body.decode() for path in ["/_sandbox", *used]} == {
        *files.values()
    }
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^\s`\"']+", "".join(files.values()))


def test_the_page_needs_no_token_and_runs_only_its_own_script(sandbox):
    """The page holds no data, so it is served without the token; its policy forbids scripts from elsewhere."""
    control = ControlClient(sandbox, token="secret")
    request = HttpRequest("GET", "/_sandbox", "", {"Host": "localhost"}, b"", "ip")
    page = asyncio.run(control.api.respond(request))
    assert (page.status, page.content_type) == (200, "text/html; charset=utf-8")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "default-src 'none'" in policy
    assert control.send("GET", "/calendar?start=2026-12-07T00:00:00Z&end=2026-12-08T00:00:00Z").status == 401


def test_the_page_is_not_served_to_foreign_hosts(control):
    """A host name that only looks local gets a 403 for the page too."""
    assert control.send("GET", "", Host="evil.example").status == 403


# --- the calendar


def test_the_calendar_has_bookings_and_free_slots(sandbox, control):
    """The calendar of some days has the bookings in them, and the free slots of the event type."""
    view = control.get("/calendar?start=2026-12-07T00:00:00Z&end=2026-12-09T00:00:00Z&eventTypeId=1")
    assert [choice["owner"] for choice in view["eventTypes"]] == [*["ana"] * 3, "Sales"]
    assert {"2026-12-07", "2026-12-08"} == {slot["start"][:10] for slot in view["slots"]}
    assert view["slots"][0] == {"start": "2026-12-07T10:00:00.000Z", "end": "2026-12-07T10:30:00.000Z"}
    start, end = MONDAY.replace(hour=0), MONDAY.replace(hour=0) + timedelta(days=2)
    overlapping = {b.uid for b in sandbox.store.bookings.values() if b.start < end and b.end > start}
    assert {booking["uid"] for booking in view["bookings"]} == overlapping
    assert not sandbox.requests


def test_a_booking_that_only_touches_the_range_is_not_in_it(sandbox, control):
    """The calendar leaves out bookings that end when the range starts, and those that start when it ends."""
    booking = next(iter(sandbox.store.bookings.values()))
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (booking.start, booking.end))
    day_before, day_after = (
        f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        for moment in (booking.start - timedelta(days=1), booking.end + timedelta(days=1))
    )
    found = [
        booking.uid in {row["uid"] for row in control.get(f"/calendar?start={first}&end={last}")["bookings"]}
        for first, last in ((start, end), (day_before, start), (end, day_after))
    ]
    assert found == [True, False, False]


def test_the_calendar_shows_a_bounded_number_of_bookings(monkeypatch):
    """The calendar returns at most so many bookings, and says how many more there are."""
    monkeypatch.setattr("calcom_async.sandbox.control.calendar.MAX_BOOKINGS", 2)
    view = ControlClient(Sandbox(bookings=500, now=MONDAY)).get(
        "/calendar?start=2026-11-20T00:00:00Z&end=2026-12-21T00:00:00Z"
    )
    assert len(view["bookings"]) == 2
    assert view["more"] > 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("start=2026-12-07T00:00:00Z", 400),
        ("start=2026-12-07&end=2026-12-08T00:00:00Z", 400),
        ("start=2026-12-07T00:00:00&end=2026-12-08T00:00:00Z", 400),
        ("start=9999-12-30T00:00:00Z&end=9999-12-31T00:00:00Z", 400),
        ("start=0001-01-01T00:00:00Z&end=0001-01-02T00:00:00Z", 400),
        ("start=2026-12-07T00:00:00Z&end=2026-12-07T00:00:00Z", 400),
        ("start=2026-12-07T00:00:00Z&end=2027-01-09T00:00:00Z", 400),
        ("start=2026-12-07T00:00:00Z&end=2026-12-08T00:00:00Z&eventTypeId=99", 404),
    ],
)
def test_a_bad_range_is_rejected(control, query, status):
    """A time without a time zone, a range that is empty or too long and an unknown event type are errors."""
    assert control.send("GET", f"/calendar?{query}").status == status


# --- the stream


def record(sandbox, path="/v2/me"):
    """Record a request as the server does."""
    request = HttpRequest("GET", path, "", {}, b"", "ip")
    sandbox.requests.record(request, HttpResponse(200), time=MONDAY, seconds=0.001, fault=None)
    sandbox.context.changes.notify()


def parsed(events):
    """Return the events of a part of the stream as pairs of name and data."""
    pairs = re.findall(r"event: (\w+)\ndata: (.*)\n\n", events.decode())
    return [(name, json.loads(data)) for name, data in pairs]


async def test_the_stream_sends_what_is_new(sandbox, control):
    """The stream begins with the recorded requests, goes on with new ones, and says what a reset has removed."""
    record(sandbox)
    request = HttpRequest("GET", "/_sandbox/events", "", {"Host": "localhost"}, b"", "ip")
    response = await control.api.respond(request)
    assert isinstance(response, EventStream)
    events = response.events
    first = parsed(await anext(events))
    assert [(name, data.get("path")) for name, data in first] == [("request", "/v2/me"), ("change", None)]
    record(sandbox, "/v2/teams")
    second = parsed(await anext(events))
    assert [data.get("path") for _, data in second] == ["/v2/teams", None]
    sandbox.reset()
    sandbox.context.changes.notify()
    assert parsed(await anext(events)) == [("change", {"requests": 3, "deliveries": 1})]
    await events.aclose()


async def test_a_reset_is_seen_although_requests_go_on(sandbox):
    """The stream says which requests and deliveries a reset has removed, although there are new ones since."""
    delivery = Delivery("id", "http://127.0.0.1:1/", "BOOKING_CREATED", {}, b"{}", 200)
    events = stream.read_events(sandbox, stream.EventsQuery()).events
    for number in (1, 2):
        record(sandbox)
        sandbox.deliveries.record(delivery)
        rows = parsed(await anext(events))
        assert [data.get("number") for _, data in rows] == [number, number, None]
        assert rows[-1] == ("change", {"requests": number, "deliveries": number})
        sandbox.reset()
    await events.aclose()


async def test_the_number_of_streams_is_bounded(sandbox, control, monkeypatch):
    """With too many open streams one more is a 503; a closed one makes room."""
    monkeypatch.setattr(stream, "MAX_STREAMS", 2)
    request = HttpRequest("GET", "/_sandbox/events", "", {"Host": "localhost"}, b"", "ip")
    streams = [(await control.api.respond(request)).events for _ in range(2)]
    for events in streams:
        await anext(events)
    rejected = await control.send_async("GET", "/events")
    assert rejected.status == 503
    assert rejected.body == {"error": "2 streams of events are open already; close one first"}
    await streams[0].aclose()
    assert isinstance(await control.api.respond(request), EventStream)
    await streams[1].aclose()
    assert sandbox.context.changes.streams == 0


async def test_a_silent_stream_goes_on(sandbox, monkeypatch):
    """Without a request the stream sends a change now and then: Python code may have changed something."""
    monkeypatch.setattr(stream, "HEARTBEAT", 0.0)
    events = stream.read_events(sandbox, stream.EventsQuery()).events
    assert await anext(events) == await anext(events)
    await events.aclose()


async def test_a_control_operation_is_a_change(sandbox, control):
    """Whatever changes the sandbox through the control API wakes those who follow it."""
    before = sandbox.context.changes.count
    await control.send_async("POST", "/faults", {"status": 500})
    assert sandbox.context.changes.count == before + 1


# --- a person with a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
async def open_console(browser):
    """Return a function that opens the console of a sandbox in a browser; the page must have no problems."""
    async with browser.page() as page:

        async def open_console(sandbox, **options):
            await page.open(sandbox.url.removesuffix("/v2") + "/_sandbox", **options)
            await page.wait_for("document.querySelector('#connection').dataset.state === 'live'")
            await page.wait_for("document.querySelector('#counts').textContent")
            return page

        yield open_console
    assert not page.problems


@needs_chromium
@pytest.mark.slow
async def test_a_person_sees_what_clients_do(open_console):
    """A booking made through the API appears, a fault strikes, a delivery is sent again, and past slots vanish."""
    with Sandbox(now=MONDAY) as sandbox:
        page = await open_console(sandbox)
        slots = await page.wait_for("document.querySelectorAll('.item.free').length")

        async with Calcom(sandbox.api_key, base_url=sandbox.url, max_attempts=1) as cal:
            await cal.webhooks.create(subscriber_url="http://127.0.0.1:1/", triggers=["BOOKING_CREATED"], active=True)
            booking = await cal.bookings.create(start=MONDAY + timedelta(hours=7), event_type_id=1, attendee=ADA)
            label = await page.wait_for("document.querySelector('.item.booking')?.textContent")
            assert label == f"15:00\N{EN DASH}15:30 {booking.title}"
            assert "<b>" in label  # text, not markup
            await page.wait_for(f"document.querySelectorAll('.item.free').length === {slots - 1}")
            await page.wait_for("document.querySelector('#request-rows').textContent.includes('POST /v2/bookings')")

            await page.click("#delivery-rows li button:last-child")
            await page.wait_for("document.querySelectorAll('#delivery-rows li').length === 2")

            await page.run("document.querySelector('#fault-path').value = '/v2/me'")
            await page.click("#add-fault button")
            await page.wait_for("document.querySelector('#fault-rows').textContent.includes('1 left')")
            with pytest.raises(ApiError) as raised:
                await cal.me.get()
            assert raised.value.status == 500
            await page.wait_for("document.querySelector('#fault-rows').textContent.includes('used up')")
            row = await page.wait_for("document.querySelector('#request-rows tr').innerText.split(/\\s+/)")
            assert row[1:4] == ["GET", "/v2/me", "500"]
            assert row[-1] == "1"

        await page.click("[data-move='86400']")
        await page.wait_for(f"document.querySelectorAll('.item.free').length < {slots - 1}")
        assert sandbox.clock.now() == MONDAY + timedelta(days=1)
        await page.click("#freeze")
        await page.wait_for("document.querySelector('#frozen').hidden")
        assert not sandbox.clock.frozen


@needs_chromium
@pytest.mark.slow
async def test_a_person_changes_and_restores_the_sandbox(open_console):
    """The rate limit, the filter, the details of a request, the data as JSON and the reset do what they say."""
    with Sandbox(now=MONDAY, bookings=5) as sandbox:
        page = await open_console(sandbox)
        async with Calcom(sandbox.api_key, base_url=sandbox.url) as cal:
            await cal.me.get()
            await cal.event_types.list().collect()
        await page.wait_for("document.querySelectorAll('#request-rows tr').length === 2")
        await page.run("document.querySelector('#filter').value = 'event'")
        await page.run("document.querySelector('#filter').dispatchEvent(new Event('input'))")
        await page.wait_for("document.querySelectorAll('#request-rows tr').length === 1")
        await page.click("#request-rows button")
        details = await page.wait_for("document.querySelector('dialog[open] pre')?.textContent")
        assert json.loads(details)["headers"]["authorization"] == "***"
        await page.click("#close-details")

        await page.run("document.querySelector('#limit').value = 7")
        await page.click("#set-limit button")
        await page.click("#state summary")
        state = json.loads(await page.wait_for("document.querySelector('#state pre').textContent"))
        assert state["counts"]["bookings"] == 5
        assert sandbox.settings.rate_limit == 7

        await page.run("window.confirm = () => true")
        sandbox.store.bookings.clear()
        await page.click("#reset")
        await page.wait_for("document.querySelector('#counts').textContent.includes('bookings: 5')")
        await page.wait_for("document.querySelectorAll('#request-rows tr').length === 0")


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("sunday", ["2026-03-29", "2026-10-25"])
async def test_a_week_with_a_change_of_the_clocks_is_whole(open_console, sunday):
    """In any time zone the week has all bookings of its seven days, and one over midnight is in both days."""
    midnight = datetime.fromisoformat(sunday).replace(tzinfo=ZoneInfo("Europe/Rome"))
    monday = midnight - timedelta(days=6)
    inside = [monday, midnight - timedelta(minutes=15), midnight.replace(hour=2), midnight.replace(hour=23, minute=15)]
    outside = [monday - timedelta(minutes=30), midnight + timedelta(days=1)]
    attendees = [declared.Attendee(name="Ada", email="ada@example.com")]
    world = declared.World(
        users=[declared.User(username="ana")],
        event_types=[declared.EventType(slug="talk", owner="ana", length_in_minutes=30)],
        bookings=[
            declared.Booking(event_type="ana/talk", start=start, attendees=attendees) for start in [*inside, *outside]
        ],
    )
    with Sandbox(now=monday.replace(hour=10), world=world) as sandbox:
        page = await open_console(sandbox)
        await page.run("document.querySelector('#zone').value = 'Europe/Rome'")
        await page.run("document.querySelector('#zone').dispatchEvent(new Event('change'))")
        script = "[...document.querySelectorAll('.day')].map(day => day.querySelectorAll('.booking').length)"
        await page.wait_for(f"'' + {script} === '1,0,0,0,0,1,3'")
        summary = await page.run("document.querySelector('#week-summary').textContent")
        assert summary.startswith("4 bookings")


@needs_chromium
@pytest.mark.slow
async def test_the_page_shows_changes_made_in_python(open_console, monkeypatch):
    """A fault that Python code adds, and a clock that it moves, appear without a request."""
    monkeypatch.setattr(stream, "HEARTBEAT", 0.1)
    with Sandbox(now=MONDAY) as sandbox:
        page = await open_console(sandbox)
        sandbox.faults.add("GET", "/v2/me", status=503)
        sandbox.clock.move(days=1)
        await page.wait_for("document.querySelector('#fault-rows').textContent.includes('status 503')")
        await page.wait_for("document.querySelector('#now').textContent.startsWith('2026-12-08')")


@needs_chromium
@pytest.mark.slow
async def test_what_a_person_works_with_stays(open_console, monkeypatch):
    """The focus, an open menu and selected text stay while the page follows the sandbox."""
    monkeypatch.setattr(stream, "HEARTBEAT", 0.1)
    with Sandbox(now=MONDAY, bookings=50) as sandbox:
        sandbox.faults.add("GET", "/v2/me", status=500)
        page = await open_console(sandbox)
        await page.click("#state summary")
        await page.wait_for("document.querySelector('#state pre').textContent")
        await page.run(
            "window.kept = ['#event-type option', '#state pre'].map(one => document.querySelector(one).firstChild)"
        )
        for selector in (".item.booking button", "#fault-rows button"):
            await page.wait_for(f"document.querySelector('{selector}')")
            await page.run(f"window.old = document.querySelector('{selector}'); old.focus()")
            sandbox.faults.add("GET", "/v2/me", status=501)
            sandbox.clock.move(days=1)  # other slots are free
            await page.wait_for("!old.isConnected")
            assert await page.run(f"document.activeElement === document.querySelector('{selector}')")
        assert await page.run("kept.every(node => node.isConnected)")


@needs_chromium
@pytest.mark.slow
async def test_long_names_do_not_widen_the_page(open_console):
    """A hostile title of an event type or an attendee is text, and the page still fits 400 px."""
    title = "<img src=x onerror=alert(1)> \u202e" + "W" * 220
    world = declared.World(
        users=[declared.User(username="ana")],
        event_types=[declared.EventType(slug="talk", owner="ana", length_in_minutes=30, title=title)],
        bookings=[
            declared.Booking(
                event_type="ana/talk",
                start=MONDAY + timedelta(hours=1),
                attendees=[declared.Attendee(name=title, email="ada@example.com")],
            )
        ],
    )
    with Sandbox(now=MONDAY, world=world) as sandbox:
        page = await open_console(sandbox, width=400)
        await page.wait_for("document.querySelector('.item.booking')")
        assert await page.run("document.documentElement.scrollWidth") <= 400
        assert not await page.run("document.querySelectorAll('img').length")
        # Right-to-left text, or a character that forces it, does not turn the time around.
        assert title in await page.run("document.querySelector('.item.booking bdi').textContent")


@needs_chromium
@pytest.mark.slow
async def test_an_error_is_in_sight(open_console):
    """What the control API rejects is shown, also to a person who has scrolled down on a small screen."""
    with Sandbox(now=MONDAY) as sandbox:
        page = await open_console(sandbox, width=400, height=700)
        await page.run("document.querySelector('#fault-path').value = 'v2/me'")
        await page.run("document.querySelector('#reset').scrollIntoView()")
        await page.click("#add-fault button")
        message = await page.wait_for("document.querySelector('#notice').textContent")
        assert message == "body: a path must begin with / or *, got 'v2/me'"
        top = await page.run("document.querySelector('#notice').getBoundingClientRect().top")
        assert 0 <= top < 700
        page.problems.clear()  # Chromium logs the 400


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
async def test_the_page_fits_and_every_control_has_a_name(open_console, dark):
    """No window from 400 px scrolls sideways, controls have names, and text has the contrast of WCAG AA."""
    with Sandbox(now=MONDAY, bookings=200) as sandbox:
        page = await open_console(sandbox, dark=dark)
        await page.wait_for("document.querySelectorAll('.item').length > 10")
        for width in (1280, 760, 400):
            await page.resize(width)
            assert await page.run("document.documentElement.scrollWidth") <= width
            assert await page.run(LOW_CONTRAST) == []
        tree = (await page.call("Accessibility.getFullAXTree"))["nodes"]
        unnamed = [
            node["role"]["value"]
            for node in tree
            if node.get("role", {}).get("value") in {"button", "textbox", "combobox", "searchbox", "spinbutton", "link"}
            and not node.get("name", {}).get("value")
        ]
        assert not unnamed


LOW_CONTRAST = r"""(() => {
    const color = text => text.match(/[\d.]+/g).map(Number);
    const channel = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const luminance = ([red, green, blue]) => 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
    const background = node => {
        for (; node; node = node.parentElement) {
            const found = color(getComputedStyle(node).backgroundColor);
            if (found.length === 3 || found[3] > 0) return found;
        }
        return [255, 255, 255];
    };
    const low = [];
    for (const node of document.querySelectorAll("body *")) {
        const hasText = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
        if (!hasText || !node.checkVisibility() || node.closest("tr.new")) continue;
        const [one, other] = [color(getComputedStyle(node).color), background(node)].map(luminance);
        const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
        if (contrast < 4.5) low.push(`${node.tagName} ${node.className} ${node.textContent} ${contrast}`);
    }
    return low;
})()"""


@needs_chromium
@pytest.mark.slow
async def test_the_page_asks_for_the_token(browser):
    """With a token the page shows nothing until it has the token, from the URL or the form; a wrong one is rejected."""
    with Sandbox(now=MONDAY, allow_remote=True, control_token="right") as sandbox:
        async with browser.page() as page:
            await page.open(sandbox.url.removesuffix("/v2") + "/_sandbox")
            await page.wait_for("!document.querySelector('#login').hidden")
            for token, state in (
                ("wrong", "document.querySelector('#notice').textContent === 'The control token is wrong.'"),
                ("right", "connection.dataset.state === 'live'"),
            ):
                await page.run(f"document.querySelector('#token').value = '{token}'")
                await page.click("#login button")
                await page.wait_for(state)
            assert "right" not in await page.run("location.href")
        async with browser.page() as page:
            await page.open(sandbox.url.removesuffix("/v2") + "/_sandbox#token=right")
            await page.wait_for("connection.dataset.state === 'live'")
            assert await page.run("location.hash") == ""
