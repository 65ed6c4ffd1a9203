"""The tools, called through the SDK's own client in one process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from mcp_agent import KOLKATA, Agent, agent_of

from calcom_async.mcp.options import ServerOptions
from calcom_async.sandbox import Sandbox

LISBON = "Europe/Lisbon"
NINE = "2026-11-04T14:30"  # 9:00 in UTC
TEN = "2026-11-04T15:30"
ADA = {"name": "Ada", "email": "ada@visitors.test"}


async def book(agent: Agent, start: str = NINE, **more: Any) -> dict[str, Any]:
    """Book thirty minutes for Ada."""
    arguments = {"event_type": "ana/thirty", "start": start, "time_zone": KOLKATA, **ADA, **more}
    return (await agent.call("book", **arguments))["booking"]


def active(sandbox: Sandbox) -> list[Any]:
    """Return the bookings that take place."""
    return [booking for booking in sandbox.store.bookings.values() if booking.status in {"accepted", "pending"}]


async def test_who_am_i_shows_the_user_and_what_can_be_booked(sandbox):
    """The first call tells the time zone, the time there, and the event types with what they need."""
    async with agent_of(sandbox) as agent:
        account = await agent.call("who_am_i")
    assert (account["username"], account["time_zone"]) == ("ana", LISBON)
    assert account["event_types"][2] == {
        "id": 3, "title": "Class", "link": "https://cal.com/ana/class", "minutes": 60, "seats": True
    }  # fmt: skip


async def test_times_are_found_in_the_time_zone_of_the_call(sandbox):
    """Each free time is in the zone of the call and in UTC, and the cursor leads to the rest."""
    search = {"event_type": 1, "start": "2026-11-03", "end": "2026-11-09", "time_zone": KOLKATA}
    async with agent_of(sandbox) as agent:
        first = await agent.call("find_times", **search)
        rest = await agent.call("find_times", **search, cursor=first["next_cursor"])
        wrong = await agent.error("find_times", **search | {"end": "2026-11-10"}, cursor=first["next_cursor"])
    assert first["times"][0] == {
        "start": "2026-11-03T14:30+05:30", "start_utc": "2026-11-03T09:00Z", "weekday": "Tuesday"
    }  # fmt: skip
    assert len(first["times"]) == 50
    assert rest["times"][0]["start_utc"] > first["times"][-1]["start_utc"]
    assert "next_cursor" not in rest
    assert "cursor does not belong to this call" in wrong


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"end": "2026-11-01"}, "end must be after start"),
        ({"start": "2026-11-03T10:00", "end": "2026-11-03T09:00"}, "end must be after start"),
        ({"end": "2027-11-01"}, "at most 62 days apart"),
        ({"event_type": 999}, "404"),
        ({"time_zone": "Mars/Olympus"}, "unknown time zone"),
        ({"time_zone": ""}, "time_zone: unknown time zone: ''. Use an IANA name"),
    ],
)
async def test_a_search_that_cannot_work_says_why(sandbox, change, expected):
    """The error of a search names what to change."""
    search = {"event_type": 1, "start": "2026-11-03", "end": "2026-11-09", "time_zone": KOLKATA}
    async with agent_of(sandbox) as agent:
        assert expected in await agent.error("find_times", **search | change)


async def test_no_free_time_is_a_result(sandbox):
    """A weekend without slots is no error: the message has the next free time, if there is one."""
    saturday = {"event_type": 1, "start": "2026-11-07", "end": "2026-11-07", "time_zone": LISBON}
    async with agent_of(sandbox) as agent:
        free = await agent.call("find_times", **saturday)
        await agent.cal.schedules.update(1, availability=[])
        never = await agent.call("find_times", **saturday)
    none = f"No free time from 2026-11-07 to 2026-11-07 ({LISBON})."
    assert free == {"message": f"{none} The next one is Mon 2026-11-09T09:00+00:00 (2026-11-09T09:00Z).", "times": []}
    assert never == {"message": f"{none} Nor in the 60 days after that.", "times": []}


async def test_identical_calls_make_one_booking(sandbox):
    """A repeated call of book returns the booking; another attendee gets the nearest free times instead."""
    async with agent_of(sandbox) as agent:
        first = await book(agent, notes="Hello", guests=["bo@visitors.test"])
        assert await book(agent, notes="Hello", guests=["bo@visitors.test"]) == first
        taken = await agent.error(
            "book", event_type=1, start=NINE, time_zone=KOLKATA, name="Bo", email="bo@visitors.test"
        )
    assert len(active(sandbox)) == 1
    assert (first["start"], first["end_utc"], first["weekday"]) == (
        "2026-11-04T14:30+05:30", "2026-11-04T09:30Z", "Wednesday"
    )  # fmt: skip
    assert "Nothing was booked or moved. Nearest free: Wed 2026-11-04T15:00+05:30 (2026-11-04T09:30Z)" in taken


async def test_identical_parallel_calls_make_one_booking(sandbox):
    """Twenty calls at once share one client; those that are identical make one booking."""
    async with agent_of(sandbox) as agent:
        reads = [agent.call("get_agenda", time_zone=KOLKATA, day="2026-11-04") for _ in range(10)]
        results = await asyncio.gather(*reads, *(book(agent) for _ in range(10)))
    assert len({booking["uid"] for booking in results[10:]}) == 1
    assert len(active(sandbox)) == 1


async def test_a_cut_connection_leaves_one_booking(sandbox):
    """A response that is lost after Cal.com acted is settled before the tool returns."""
    async with agent_of(sandbox) as agent:
        sandbox.faults.add("POST", "/v2/bookings", cut="after")
        booking = await book(agent)
    assert [one.uid for one in active(sandbox)] == [booking["uid"]]


async def test_an_odd_response_is_shown_without_control_characters(sandbox):
    """A response without a time is no booking that was moved, and none of its texts reaches a terminal as it is."""
    async with agent_of(sandbox) as agent:
        odd = {"id": 1, "uid": "\x1b[31mbk", "status": "new\x07"}
        sandbox.faults.add("POST", "/v2/bookings", status=201, body={"status": "success", "data": odd})
        result = await agent.call("book", event_type="ana/thirty", start=NINE, time_zone=KOLKATA, **ADA)
        sandbox.faults.add("GET", "/v2/bookings/*", status=200, body={"status": "success", "data": odd})
        shown = await agent.call("get_booking", uid="bk", time_zone=KOLKATA)
    assert result["message"] == "Booked for an unknown time."
    assert (result["booking"]["uid"], result["booking"]["status"]) == ("[31mbk", "new")
    assert shown["message"] == "The booking is new ."


async def test_a_link_with_a_length_is_booked(sandbox):
    """The length of the link counts, unless the call has one."""
    async with agent_of(sandbox) as agent:
        await agent.cal.request("PATCH", "/v2/event-types/1", body={"lengthInMinutesOptions": [15, 30, 45]})
        link = "https://cal.com/ana/thirty?duration=15"
        short = await book(agent, event_type=link)
        long = await book(agent, TEN, event_type=link, duration=45)
    assert (short["end_utc"], long["end_utc"]) == ("2026-11-04T09:15Z", "2026-11-04T10:45Z")


async def test_the_length_of_a_link_is_part_of_the_booking(sandbox):
    """The same call with a link of another length is another booking, so its time is taken."""
    link = "https://cal.com/ana/thirty?duration="
    async with agent_of(sandbox) as agent:
        await agent.cal.request("PATCH", "/v2/event-types/1", body={"lengthInMinutesOptions": [15, 30, 45]})
        uid = (await book(agent, event_type=link + "15"))["uid"]
        assert (await book(agent, event_type="ana/thirty", duration=15))["uid"] == uid
        longer = {"event_type": link + "45", "start": NINE, "time_zone": KOLKATA, **ADA}
        assert "is not free" in await agent.error("book", **longer)


async def test_the_time_zone_of_the_call_is_no_part_of_a_booking(sandbox):
    """The same moment in another time zone, or with other letter case of the address, is the same booking."""
    async with agent_of(sandbox) as agent:
        first = await book(agent)
        again = await book(agent, "2026-11-04T09:00", time_zone=LISBON, email="Ada@visitors.test")
    assert again["uid"] == first["uid"]
    assert again["start"] == "2026-11-04T09:00+00:00"


async def test_a_booking_that_was_moved_is_told_apart(sandbox):
    """Booking again after a reschedule returns the booking and says that it is at another time."""
    async with agent_of(sandbox) as agent:
        uid = (await book(agent))["uid"]
        await agent.call("reschedule_booking", uid=uid, start=TEN, time_zone=KOLKATA)
        again = await agent.call("book", event_type="ana/thirty", start=NINE, time_zone=KOLKATA, **ADA)
    assert "moved since: it takes place Wed 2026-11-04T15:30+05:30" in again["message"]


async def test_a_booking_needs_a_way_to_reach_the_attendee(sandbox):
    """Without email and phone, and for several users, no request is sent."""
    async with agent_of(sandbox) as agent:
        nobody = await agent.error("book", event_type=1, start=NINE, time_zone=KOLKATA, name="Ada")
        several = "https://acme.cal.com/ana+bo/thirty"
        many = await agent.error("book", event_type=several, start=NINE, time_zone=KOLKATA, **ADA)
    assert "email or phone is required" in nobody
    assert "several users" in many
    assert sandbox.requests == []


async def test_rescheduling_twice_moves_once(sandbox):
    """The old uid and the new one both lead to the moved booking."""
    async with agent_of(sandbox) as agent:
        uid = (await book(agent))["uid"]
        moved = await agent.call("reschedule_booking", uid=uid, start=TEN, time_zone=KOLKATA, reason="Train")
        by_old_uid = await agent.call("reschedule_booking", uid=uid, start=TEN, time_zone=KOLKATA, reason="Train")
        new = moved["booking"]["uid"]
        by_new_uid = await agent.call("reschedule_booking", uid=new, start=TEN, time_zone=KOLKATA)
        old = await agent.call("get_booking", uid=uid, time_zone=KOLKATA)
        cancelling = await agent.error("cancel_booking", uid=uid, time_zone=KOLKATA, confirm=True)
    assert new != uid
    assert by_old_uid["booking"]["uid"] == by_new_uid["booking"]["uid"] == new
    assert "Nothing to do" in by_new_uid["message"]
    assert old["message"] == f"The booking was moved: its uid is now {new}."
    assert new in cancelling
    assert len(active(sandbox)) == 1


async def test_an_old_uid_leads_to_the_booking_as_it_is_now(sandbox):
    """After several moves, the tools that cannot use the first uid name the last one."""
    async with agent_of(sandbox) as agent:
        first = uid = (await book(agent))["uid"]
        for start in (TEN, NINE):
            moved = await agent.call("reschedule_booking", uid=uid, start=start, time_zone=KOLKATA)
            uid = moved["booking"]["uid"]
        old = {"uid": first, "time_zone": KOLKATA}
        shown = await agent.call("get_booking", **old)
        errors = [
            await agent.error("cancel_booking", **old, confirm=True),
            await agent.error("decide_booking", **old, decision="confirm"),
            await agent.error("change_attendees", **old, add=[{"email": "bo@visitors.test"}]),
        ]
    assert shown["message"] == f"The booking was moved: its uid is now {uid}."
    assert errors == [f"the booking was moved: its uid is now {uid}."] * 3


async def test_nobody_is_invited_to_a_cancelled_booking(sandbox):
    """Guests cannot join a booking that does not take place."""
    async with agent_of(sandbox) as agent:
        uid = (await book(agent))["uid"]
        await agent.call("cancel_booking", uid=uid, time_zone=KOLKATA, reason="Ill", confirm=True)
        guest = [{"email": "bo@visitors.test"}]
        error = await agent.error("change_attendees", uid=uid, time_zone=KOLKATA, add=guest)
    assert error == "the booking is cancelled, so its attendees cannot change."


async def test_cancelling_twice_is_harmless(sandbox):
    """The second call says that the booking was cancelled before."""
    async with agent_of(sandbox) as agent:
        uid = (await book(agent))["uid"]
        cancel = {"uid": uid, "time_zone": KOLKATA, "reason": "Ill", "confirm": True}
        assert (await agent.call("cancel_booking", **cancel))["message"] == "Cancelled."
        assert (await agent.call("cancel_booking", **cancel))["message"].startswith("Nothing to do")
        await agent.error("cancel_booking", **cancel, seat_uid="x", later_too=True)
    assert active(sandbox) == []


async def test_an_occurrence_is_cancelled_with_all_later_ones(sandbox):
    """A series ends at the occurrence."""
    async with agent_of(sandbox) as agent:
        recurrence = {"interval": 1, "occurrences": 3, "frequency": "weekly"}
        await agent.cal.request("PATCH", "/v2/event-types/1", body={"recurrence": recurrence})
        first = await book(agent)
        series = await agent.cal.bookings.get_series(first["series_uid"])
        cancel = {"uid": series[1].uid, "time_zone": KOLKATA, "reason": "Ill", "later_too": True}
        question = await agent.error("cancel_booking", **cancel)
        await agent.call("cancel_booking", **cancel, confirm=True)
    assert "and all later occurrences?" in question
    assert [booking.uid for booking in active(sandbox)] == [first["uid"]]


# Before it cancels again, the tool pauses and looks several times: 3.5 seconds.
@pytest.mark.parametrize("cut", ["after", pytest.param("before", marks=pytest.mark.slow)])
async def test_a_lost_cancellation_is_settled(sandbox, cut):
    """The tool looks whether the booking was cancelled, and cancels it if it was not."""
    async with agent_of(sandbox) as agent:
        uid = (await book(agent))["uid"]
        sandbox.faults.add("POST", "/v2/bookings/*/cancel", cut=cut)
        arguments = {"uid": uid, "time_zone": KOLKATA, "reason": "Ill", "confirm": True}
        result = await agent.client.call_tool("cancel_booking", arguments)
    assert "Cancelled." in result.content[0].text
    assert active(sandbox) == []


async def test_one_seat_is_cancelled(sandbox):
    """Cancelling a seat leaves the other attendees, also if the response is lost."""
    async with agent_of(sandbox) as agent:
        seats = [
            await agent.call(
                "book", event_type=3, start=NINE, time_zone=KOLKATA, name=name, email=f"{name}@visitors.test"
            )
            for name in ("ada", "bo")
        ]
        booking = seats[0]["booking"]
        sandbox.faults.add("POST", "/v2/bookings/*/cancel", cut="after")
        seat = {"uid": booking["uid"], "seat_uid": booking["seat_uid"], "reason": "Ill"}
        await agent.call("cancel_booking", **seat, time_zone=KOLKATA, confirm=True)
        left = await agent.call("get_booking", uid=booking["uid"], time_zone=KOLKATA)
    assert [person["email"] for person in left["booking"]["untrusted"]["attendees"]] == ["bo@visitors.test"]


async def test_pending_bookings_are_decided_on_once(sandbox):
    """A pending booking is confirmed or declined; a second decision changes nothing, and another one is an error."""
    async with agent_of(sandbox) as agent:
        policy = {"confirmationPolicy": {"type": "always", "blockUnconfirmedBookingsInBooker": False}}
        await agent.cal.request("PATCH", "/v2/event-types/1", body=policy)
        pending = await agent.call("book", event_type=1, start=NINE, time_zone=KOLKATA, **ADA)
        decide = {"uid": pending["booking"]["uid"], "time_zone": KOLKATA}
        sandbox.faults.add("POST", "/v2/bookings/*/confirm", cut="after")
        confirmed = await agent.call("decide_booking", **decide, decision="confirm")
        again = await agent.call("decide_booking", **decide, decision="confirm")
        declined = await agent.error("decide_booking", **decide, decision="decline")
    assert pending["message"].endswith("It is pending until the host confirms it.")
    assert confirmed["booking"]["status"] == "accepted"
    assert "already" in again["message"]
    assert "only a pending booking" in declined


async def test_attendees_change_once(sandbox):
    """Inviting and removing the same people twice changes nothing more, also after a lost response."""
    async with agent_of(sandbox) as agent:
        change = {"uid": (await book(agent))["uid"], "time_zone": KOLKATA}
        sandbox.faults.add("POST", "/v2/bookings/*/guests", cut="after")
        invited = await agent.call("change_attendees", **change, add=[{"email": "Bo@visitors.test", "name": "Bo"}])
        again = await agent.call("change_attendees", **change, add=[{"email": "bo@visitors.test"}])
        removed = await agent.call("change_attendees", **change, remove=["bo@visitors.test", "nobody@visitors.test"])
        await agent.error("change_attendees", **change)
    assert len(invited["booking"]["untrusted"]["attendees"]) == 2
    assert again["message"] == "Invited: 0, removed: 0. Nothing to do for 1."
    assert removed["message"] == "Invited: 0, removed: 1. Nothing to do for 1."
    assert len(removed["booking"]["untrusted"]["attendees"]) == 1


async def test_bookings_are_listed_with_a_cursor(sandbox):
    """A list has 50 rows and a cursor, and days are those of the time zone of the call."""
    async with agent_of(sandbox) as agent:
        for start in (NINE, TEN):
            await book(agent, start)
        near = await agent.call("list_bookings", time_zone=KOLKATA, start="2026-11-04T15:00", end="2026-11-04")
        upcoming = await agent.call("list_bookings", time_zone=KOLKATA, event_type_id=1)
        nobody = await agent.call("list_bookings", time_zone=KOLKATA, attendee_email="nobody@visitors.test")
    assert [booking["start_utc"] for booking in near["bookings"]] == ["2026-11-04T10:00Z"]
    assert len(upcoming["bookings"]) == 2
    assert nobody == {"message": "0 of 0 bookings.", "bookings": []}


async def test_long_lists_continue():
    """The rows after the cursor are the next ones, for lists and agendas."""
    with Sandbox(bookings=250) as sandbox:
        async with agent_of(sandbox) as agent:
            first = await agent.call("list_bookings", time_zone=KOLKATA, status="past")
            second = await agent.call("list_bookings", time_zone=KOLKATA, status="past", cursor=first["next_cursor"])
    starts = [booking["start_utc"] for booking in first["bookings"] + second["bookings"]]
    assert len(first["bookings"]) == 50
    assert starts == sorted(starts, reverse=True)
    assert len({booking["uid"] for booking in first["bookings"] + second["bookings"]}) == len(starts)


async def test_an_agenda_has_the_days_of_the_time_zone(sandbox):
    """The agenda of a day has what takes place on it in the zone of the call, without cancelled bookings."""
    async with agent_of(sandbox) as agent:
        for start in (NINE, TEN):
            await book(agent, start)
        cancelled = (await book(agent, "2026-11-04T16:30"))["uid"]
        await agent.call("cancel_booking", uid=cancelled, time_zone=KOLKATA, reason="Ill", confirm=True)
        day = await agent.call("get_agenda", time_zone=KOLKATA, day="2026-11-04")
        far_east = await agent.call("get_agenda", time_zone="Pacific/Kiritimati", day="2026-11-05", days=7)
        before = await agent.call("get_agenda", time_zone=KOLKATA, day="2026-11-03")
    assert [booking["start"][11:16] for booking in day["bookings"]] == ["14:30", "15:30"]
    assert day["message"] == "2 bookings on Wednesday 2026-11-04 (Asia/Kolkata)."
    assert [booking["start"] for booking in far_east["bookings"]] == ["2026-11-05T00:00+14:00"]
    assert before["bookings"] == []


async def test_availability_is_set_in_the_time_zone_of_the_schedule(sandbox):
    """Hours in another zone than that of the schedule are refused, since they would be misread."""
    monday = [{"days": ["Monday"], "start": "10:00", "end": "12:00"}]
    async with agent_of(sandbox) as agent:
        await agent.call("set_availability", time_zone=LISBON, dates=[{"date": "2026-12-23"}])
        wrong = await agent.error("set_availability", time_zone=KOLKATA, weekly_hours=monday)
        half = {"date": "2026-12-24", "start": "09:00"}
        incomplete = await agent.error("set_availability", time_zone=LISBON, dates=[half])
        hours = [{**half, "end": "12:00"}]
        await agent.call("set_availability", time_zone=LISBON, schedule_id=1, weekly_hours=monday, dates=hours)
        now = await agent.call("get_availability", time_zone=KOLKATA)
        nothing = await agent.error("set_availability", time_zone=LISBON)
        backwards = [{**monday[0], "end": "09:00"}]
        wrong_order = await agent.error("set_availability", time_zone=LISBON, weekly_hours=backwards)
    assert "are in Europe/Lisbon" in wrong
    assert "needs start and end" in incomplete
    assert now["schedules"][0]["weekly_hours"] == monday
    assert now["schedules"][0]["dates"] == [{"date": "2026-12-23"}, *hours]
    assert "pass weekly_hours" in nothing
    assert "hours must end after they start, got 10:00 to 09:00" in wrong_order


@pytest.mark.parametrize(
    ("hours", "days_off", "expected"),
    [
        ({"days": ["Funday"]}, ("2026-12-24", "2026-12-25"), "days must be names such as Monday, got 'Funday'"),
        ({"end": "24:00"}, ("2026-12-24", "2026-12-25"), "must be from 00:00 to 23:59, such as 09:00, got '24:00'"),
        ({"start": "18:00"}, ("2026-12-24", "2026-12-25"), "hours must end after they start, got 18:00 to 17:00"),
        ({}, ("soon", "2026-12-25"), "first_day must be a day such as"),
        ({}, ("2026-12-26", "2026-12-25"), "last_day must not be before first_day"),
    ],
)
async def test_an_invalid_argument_leaves_the_availability_as_it_was(sandbox, hours, days_off, expected):
    """Everything is checked before the first change, and the errors name parameters, not Python."""
    weekly = [{"days": ["Monday"], "start": "09:00", "end": "17:00", **hours}]
    off = dict(zip(("first_day", "last_day"), days_off, strict=True))
    async with agent_of(sandbox) as agent:
        before = await agent.call("get_availability", time_zone=LISBON)
        error = await agent.error("set_availability", time_zone=LISBON, weekly_hours=weekly, add_days_off=off)
        assert await agent.call("get_availability", time_zone=LISBON) == before
    assert expected in error


async def test_a_schedule_without_a_default_must_be_named(sandbox):
    """Without a default schedule the call needs an id."""
    async with agent_of(sandbox) as agent:
        await agent.cal.schedules.delete(1)
        text = await agent.error("set_availability", time_zone=LISBON, dates=[{"date": "2026-12-23"}])
    assert "no default schedule" in text


async def test_days_off_are_added_and_removed_once(sandbox):
    """The same days twice, and a removal after a lost response, change nothing more."""
    vacation = {"first_day": "2026-12-28", "last_day": "2026-12-30", "reason": "vacation"}
    async with agent_of(sandbox) as agent:
        for _ in range(2):
            added = await agent.call("set_availability", time_zone=KOLKATA, add_days_off=vacation)
        [entry] = added["out_of_office"]
        sandbox.faults.add("DELETE", "/v2/me/ooo/*", cut="after")
        sandbox.faults.add("POST", "/v2/me/ooo", cut="after")
        await agent.call("set_availability", time_zone=KOLKATA, add_days_off=vacation | {"last_day": "2026-12-31"})
        for _ in range(2):
            removed = await agent.call("set_availability", time_zone=KOLKATA, remove_days_off=entry["id"])
    assert (entry["start_utc"], entry["end"]) == ("2026-12-28T00:00Z", "2026-12-31T05:29:59+05:30")
    assert len(removed["out_of_office"]) == 1
    assert removed["message"] == (
        f"There is no out-of-office entry {entry['id']} to remove. This is the availability now."
    )


async def test_days_off_that_are_not_shown_follow_with_the_cursor(sandbox):
    """Of more than fifty entries the first are shown, and the cursor leads to the others."""
    async with agent_of(sandbox) as agent:
        off = {"first_day": "2026-12-28", "last_day": "2026-12-30"}
        await agent.call("set_availability", time_zone=KOLKATA, add_days_off=off)
        [entry] = sandbox.store.out_of_office.values()
        sandbox.run(lambda: sandbox.store.out_of_office.update({n: entry | {"id": n} for n in range(1, 61)}))
        shown = await agent.call("get_availability", time_zone=KOLKATA)
        rest = await agent.call("get_availability", time_zone=KOLKATA, cursor=shown["next_cursor"])
    assert shown["message"] == "1 schedules, 50 out-of-office entries. get_availability shows more with the cursor."
    assert [len(page["out_of_office"]) for page in (shown, rest)] == [50, 10]
    assert len({entry["id"] for page in (shown, rest) for entry in page["out_of_office"]}) == 60
    assert (len(shown["schedules"]), rest["schedules"]) == (1, [])
    assert "next_cursor" not in rest


async def test_exports_go_to_new_files_below_the_directory(sandbox, tmp_path):
    """An export writes a new file with progress, and refuses paths, existing files and links."""
    (tmp_path / "link.csv").symlink_to("/dev/null")
    (tmp_path / "trap.csv.part").symlink_to(tmp_path / "elsewhere")
    progress = []

    async def on_progress(rows: float, total: float | None, message: str | None) -> None:
        progress.append((rows, total, message))

    async with agent_of(sandbox, ServerOptions(export_dir=tmp_path)) as agent:
        await book(agent)
        arguments = {"file": "bookings.jsonl", "time_zone": KOLKATA, "start": "2026-11-01", "end": "2026-11-30"}
        await agent.client.call_tool("export", arguments, progress_callback=on_progress)
        refused = [
            await agent.error("export", file=name, time_zone=KOLKATA)
            for name in (
                "bookings.jsonl",
                "link.csv",
                "trap.csv",
                "../x.csv",
                "/tmp/x.csv",
                "x.txt",
                ".x.csv",
                "a/b.csv",
            )
        ]
        whole = await agent.error("export", file="types.csv", what="event-types", time_zone=KOLKATA, start="2026-11-01")
    assert (tmp_path / "bookings.jsonl").read_text().count("\n") == 1
    assert progress[-1] == (1, 1, "1 rows")
    assert ["exists already" in refused[0], "exists already" in refused[1], "a link is in the way" in refused[2]] == [
        True
    ] * 3
    assert all("plain name" in text for text in refused[3:])
    assert "exported as a whole" in whole
    assert not (tmp_path / "elsewhere").exists()


async def test_operations_are_found_and_called(sandbox):
    """What no tool does is found in the catalog, described, and called; reading never changes anything."""
    async with agent_of(sandbox) as agent:
        many = await agent.call("search_operations", words="webhooks")
        [create] = (await agent.call("search_operations", words="post /v2/webhooks"))["operations"]
        none = await agent.call("search_operations", words="teleport")
        body = {"subscriberUrl": "https://x.test", "triggers": ["BOOKING_CREATED"], "active": True, "secret": "s3cret"}
        write = {"method": "POST", "path": "/v2/webhooks", "time_zone": KOLKATA, "body": body}
        created = await agent.client.call_tool("call_write", {**write, "confirm": True})
        read = await agent.client.call_tool("call_read", {"path": "/v2/webhooks", "time_zone": KOLKATA})
        await book(agent)
        bookings = await agent.call("call_read", path="/v2/bookings", query={"take": 500}, time_zone=KOLKATA)
        unknown = await agent.error("call_read", path="/v2/nothing", time_zone=KOLKATA)
        changing = await agent.error("call_read", path="/v2/calendars/google/save", time_zone=KOLKATA)
        many_rows = await agent.error("call_read", path="/v2/bookings", query={"take": "all"}, time_zone=KOLKATA)
    assert "body" not in many["operations"][0]
    assert "triggers" in create["body"]
    assert none["message"].startswith("0 operations.")
    for result in (created, read):
        assert not result.is_error
        assert "s3cret" not in str(result.model_dump())
    [row] = bookings["untrusted"]["data"]
    assert row["start"] == "2026-11-04T09:00Z = 2026-11-04T14:30+05:30"
    assert sandbox.requests[-1].query == [("take", "50")]
    assert "search_operations" in unknown
    assert "changes state" in changing
    assert "take must be a number" in many_rows
