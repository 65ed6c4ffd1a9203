"""Connected calendars: the providers and their accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from calcom_async.sandbox.http import errors
from calcom_async.sandbox.state.store import Store

Account = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Provider:
    """A calendar provider: its name in paths, its type in JSON, its app, and its name in error messages."""

    word: str
    type: str
    slug: str
    title: str
    label: str
    authorize: str | None = None

    @property
    def integration(self) -> dict[str, Any]:
        """Return the app as `GET /v2/calendars` describes it."""
        directory = f"{self.word}calendar"
        return {
            "appData": None,
            "dirName": directory,
            "__template": "",
            "name": self.title,
            "title": self.title,
            "slug": self.slug,
            "type": self.type,
            "logo": f"/app-store/{directory}/icon.svg",
            "variant": "calendar",
            "categories": ["calendar"],
            "publisher": "Sandbox",
            "email": "apps@sandbox.test",
            "description": f"{self.title}, as far as a sandbox has one.",
            "isTemplate": False,
            "locationOption": None,
        }


GOOGLE = Provider(
    "google",
    "google_calendar",
    "google-calendar",
    "Google Calendar",
    "google_calendar",
    "https://accounts.google.com/o/oauth2/v2/auth",
)
OFFICE = Provider(
    "office365",
    "office365_calendar",
    "office365-calendar",
    "Outlook Calendar",
    "office_365_calendar",
    "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
)
APPLE = Provider("apple", "apple_calendar", "apple-calendar", "Apple Calendar", "apple calendar")
ICS = Provider("ics-feed", "ics-feed_calendar", "ics-feed", "ICS Feed", "Ics Feed calendar")
PROVIDERS = (GOOGLE, OFFICE, APPLE, ICS)


def provider(word: str, among: Sequence[Provider] = PROVIDERS) -> Provider:
    """Return a provider by its name in paths."""
    for candidate in among:
        if candidate.word == word:
            return candidate
    # The message ends after the colon, as recorded: the server's list of names is empty.
    raise errors.bad_request("Invalid calendar type, available calendars are: ")


def connect(store: Store, user_id: int, kind: Provider, addresses: Sequence[str], *, read_only: bool) -> Account:
    """Connect an account with a calendar for each address. Returns it as `GET /v2/calendars` does."""
    credential_id = store.next_id("credential")
    calendars = [_calendar(kind, address, credential_id, read_only=read_only) for address in addresses]
    account = {
        "integration": kind.integration,
        "credentialId": credential_id,
        "delegationCredentialId": None,
        "primary": calendars[0],
        "calendars": calendars,
    }
    store.calendars.setdefault(user_id, []).append(account)
    return account


def _calendar(kind: Provider, address: str, credential_id: int, *, read_only: bool) -> dict[str, Any]:
    """Return a calendar of a new account as JSON."""
    return {
        "name": address.rstrip("/").rpartition("/")[2] or address,
        "readOnly": read_only,
        "externalId": address,
        "integration": kind.type,
        # Feeds are no destination for bookings, so none of them is the primary calendar.
        "primary": None if read_only else True,
        "isSelected": False,
        "credentialId": credential_id,
        "delegationCredentialId": None,
    }


def credential_view(account: Account, user_id: int) -> dict[str, Any]:
    """Return the credential of an account as JSON."""
    return {
        "id": account["credentialId"],
        "type": account["integration"]["type"],
        "userId": user_id,
        "teamId": None,
        "appId": account["integration"]["slug"],
        "invalid": False,
    }


def account_of(store: Store, user_id: int, credential_id: object) -> Account | None:
    """Return a user's account by credential id."""
    accounts = store.calendars.get(user_id, [])
    return next((account for account in accounts if account["credentialId"] == credential_id), None)


def disconnect(store: Store, user_id: int, account: Account) -> None:
    """Delete an account with its busy times; bookings are no longer written to it."""
    store.calendars[user_id].remove(account)
    store.busy[:] = [busy_time for busy_time in store.busy if busy_time.get("credential_id") != account["credentialId"]]
    # The first connected calendar takes over at the next read.
    destinations: dict[int, Any] = store.extras["destination_calendars"]
    if destinations.get(user_id, {}).get("credentialId") == account["credentialId"]:
        del destinations[user_id]


def destination(store: Store, user_id: int, now: str) -> dict[str, Any]:
    """Return the calendar that bookings are written to. By default it is the first connected one."""
    destinations: dict[int, dict[str, Any]] = store.extras["destination_calendars"]
    accounts = store.calendars.get(user_id, [])
    # Reading the list has this effect on the real server too: it creates the missing row.
    if user_id not in destinations and accounts:
        first = accounts[0]["primary"]
        destinations[user_id] = {
            "id": store.next_id("destination_calendar"),
            "integration": first["integration"],
            "externalId": first["externalId"],
            "primaryEmail": None,
            "userId": user_id,
            "eventTypeId": None,
            "credentialId": accounts[0]["credentialId"],
            "createdAt": now,
            "updatedAt": now,
            "delegationCredentialId": None,
            "customCalendarReminder": None,
        }
    return destinations.get(user_id, {})
