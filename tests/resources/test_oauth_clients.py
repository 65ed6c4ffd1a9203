"""OAuth clients of a platform, their managed users and tokens."""

from __future__ import annotations

import warnings

import pytest
from sent_requests import SentRequest, last_request, sent_requests

from calcom_async import (
    AccessToken,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    IncompleteListError,
    InvalidRequestError,
    NotFoundError,
    PlatformClient,
    UnauthorizedError,
)
from calcom_async.models import (
    CreateManagedUser,
    CreateOAuthClient,
    ManagedUser,
    ManagedUserCreated,
    OAuthClient,
    OAuthClientCredentials,
    UpdateManagedUser,
    UpdateOAuthClient,
)
from calcom_async.pages import IncompleteListWarning
from calcom_async.resources import oauth_clients as resources

CLIENT = "sandbox-client"
MIA = 4
NEW = CreateOAuthClient(name="Second", redirect_uris=["https://second.test/back"], permissions=["BOOKING_READ"])


@pytest.fixture
def platform(cal):
    """A client with the platform's own credentials."""
    return cal.with_credentials(PlatformClient(CLIENT, "sandbox-secret"))


@pytest.fixture
def clients(platform):
    """A client with the credentials of the platform, which alone can list and create OAuth clients."""
    return resources.OAuthClients(platform._context)


@pytest.fixture
def mine(cal):
    """A client with the key of an admin of the organization."""
    return resources.OAuthClients(cal._context)


@pytest.fixture
def client(platform):
    return resources.OAuthClient(platform._context, "/oauth-clients/{}", CLIENT)


async def test_the_life_of_a_client(clients, mine, calcom_sandbox):
    """An OAuth client is created, listed, updated and deleted; its secret is returned and in no repr."""
    made = await clients.create(NEW)
    assert isinstance(made, OAuthClientCredentials)
    assert last_request(calcom_sandbox) == SentRequest(
        "POST",
        "/oauth-clients",
        {},
        {"name": "Second", "redirectUris": ["https://second.test/back"], "permissions": ["BOOKING_READ"]},
        None,
    )
    found = await mine.get(made.client_id)
    assert isinstance(found, OAuthClient)
    assert (found.secret, found.permissions, found.logo) == (made.client_secret, ["BOOKING_READ"], None)
    assert made.client_secret not in f"{made!r}{found!r}"
    assert [one.id for one in await clients.list().collect()] == [CLIENT, made.client_id]
    changed = await mine.update(made.client_id, UpdateOAuthClient(name="Third", are_emails_enabled=False))
    assert last_request(calcom_sandbox).body == {"name": "Third", "areEmailsEnabled": False}
    assert (changed.name, changed.are_emails_enabled, changed.redirect_uris) == ("Third", False, NEW.redirect_uris)
    assert await mine.delete(made.client_id) == changed
    with pytest.raises(NotFoundError, match="OAuth client not found"):
        await mine.get(made.client_id)


async def test_all_permissions(clients, mine):
    """`*` is every permission by name."""
    made = await clients.create(CreateOAuthClient(name="All", redirect_uris=[], permissions=["*"]))
    assert len((await mine.get(made.client_id)).permissions) == 10


async def test_whose_credentials_do(cal, clients, mine):
    """A personal key cannot list or create OAuth clients, and no OAuth client can read another."""
    for refused in (mine.list().collect(), mine.create(NEW)):
        with pytest.raises(UnauthorizedError, match="Organization ID not found"):
            await refused
    assert await mine.get(CLIENT) == await clients.get(CLIENT)
    other = await clients.create(NEW)
    with pytest.raises(UnauthorizedError, match="Invalid client secret"):
        await clients.get(other.client_id)
    plain = resources.OAuthClients(cal.with_credentials("cal_sandbox_cy")._context)
    with pytest.raises(ForbiddenError):
        await plain.delete(CLIENT)


async def test_a_wrong_client_is_told_by_field(clients):
    """Validation names the fields."""
    with pytest.raises(BadRequestError) as caught:
        await clients.create(CreateOAuthClient(name="x", redirect_uris=["y"], permissions=["EVERYTHING"]))
    assert list(caught.value.fields) == ["permissions"]


# --- managed users


async def test_the_life_of_a_managed_user(client, calcom_sandbox):
    """A managed user is created with tokens, found by email address, updated and deleted."""
    made = await client.users.create(
        CreateManagedUser(email="ada@customers.test", name="Ada", time_zone="Europe/Rome", week_start=1)
    )
    assert isinstance(made, ManagedUserCreated)
    assert last_request(calcom_sandbox).endpoint == f"POST /oauth-clients/{CLIENT}/users"
    assert last_request(calcom_sandbox).body["weekStart"] == "Monday"
    assert made.user.email == f"ada+{CLIENT}@customers.test"
    assert made.user.default_schedule_id is not None
    assert made.access_token not in repr(made)
    users = await client.users.list(emails=["ada@customers.test"]).collect()
    assert last_request(calcom_sandbox).query == {"emails": "ada@customers.test", "limit": "250", "offset": "0"}
    assert users == [made.user]
    changed = await client.users.update(made.user.id, UpdateManagedUser(name="Ada L.", metadata={"id": "7"}))
    assert (changed.name, changed.metadata, changed.email) == ("Ada L.", {"id": "7"}, made.user.email)
    assert await client.users.get(made.user.id) == changed
    assert await client.users.delete(made.user.id) == changed
    with pytest.raises(NotFoundError, match="is not part of this OAuth client"):
        await client.users.get(made.user.id)


async def test_no_time_zone_no_schedule(client):
    """Without a time zone there is no schedule to book in."""
    made = await client.users.create(CreateManagedUser(email="bea@customers.test", name="Bea"))
    assert (made.user.default_schedule_id, made.user.locale, made.user.metadata) == (None, None, None)


async def test_an_address_is_taken_once(client):
    """The conflict names the user who has the address."""
    with pytest.raises(ConflictError, match=f"Existing user ID={MIA}"):
        await client.users.create(CreateManagedUser(email="mia@sandbox.test", name="Mia"))


async def test_tokens_of_a_managed_user_work(cal, client):
    """`create` returns an access token, which is valid until the user is deleted."""
    made = await client.users.create(CreateManagedUser(email="ada@customers.test", name="Ada"))
    ada = cal.with_credentials(AccessToken(made.access_token))
    assert (await ada.me.get()).id == made.user.id
    await client.users.delete(made.user.id)
    with pytest.raises(UnauthorizedError):
        await ada.me.get()


async def test_refresh_spends_the_refresh_token(cal, platform, calcom_sandbox):
    """A refresh returns a new pair; the old refresh token is invalid, the old access token stays valid."""
    pair = await platform.oauth_clients.refresh(CLIENT, "sandbox-refresh-token")
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", f"/oauth/{CLIENT}/refresh", {}, {"refreshToken": "sandbox-refresh-token"}, None
    )
    assert (await cal.with_credentials(AccessToken(pair.access_token)).me.get()).id == MIA
    assert (await cal.with_credentials(AccessToken("sandbox-access-token")).me.get()).id == MIA
    with pytest.raises(BadRequestError, match="Invalid refresh token"):
        await platform.oauth_clients.refresh(CLIENT, "sandbox-refresh-token")


async def test_force_refresh_ends_all_others(cal, client):
    """A forced refresh needs no old token, and ends the old ones at once."""
    pair = await client.users.force_refresh(MIA)
    assert (await cal.with_credentials(AccessToken(pair.access_token)).me.get()).id == MIA
    with pytest.raises(UnauthorizedError):
        await cal.with_credentials(AccessToken("sandbox-access-token")).me.get()
    with pytest.raises(NotFoundError):
        await client.users.force_refresh(1)


# --- lists of more than 500 users


@pytest.fixture
def crowd(calcom_sandbox):
    """Gives the client so many managed users."""

    def fill(count):
        def add():
            store = calcom_sandbox.store
            managed = store.oauth_clients[CLIENT]["managed"]
            for number in range(1000, 1000 + count - len(managed)):
                store.users[number] = store.users[MIA] | {"id": number, "email": f"u{number}+{CLIENT}@x.test"}
                managed.append(number)

        calcom_sandbox.run(add)

    return fill


@pytest.mark.parametrize("prefetch", [0, 4])
async def test_the_wall_is_told(client, crowd, calcom_sandbox, prefetch):
    """The server accepts no offset over 250: the list ends after 500 users with a warning."""
    crowd(600)
    with pytest.warns(IncompleteListWarning, match="accepts no skip over 250"):
        users = await client.users.list(prefetch=prefetch).collect()
    assert len({user.id for user in users}) == 500
    assert [one.query["offset"] for one in sent_requests(calcom_sandbox)] == ["0", "250"]


async def test_the_wall_as_an_error(client, crowd):
    """With `strict` the wall is an error that counts what came."""
    crowd(501)
    with pytest.raises(IncompleteListError) as caught:
        await client.users.list(strict=True).collect()
    assert caught.value.seen == 500


async def test_smaller_pages_meet_it_earlier(client, crowd):
    """Offsets up to 250 in steps of 100 are 0, 100 and 200."""
    crowd(600)
    with pytest.warns(IncompleteListWarning):
        assert len(await client.users.list(take=100).collect()) == 300


async def test_no_wall_no_word(client, crowd, calcom_sandbox):
    """A list that ends before the wall ends in silence; wanting few rows meets no wall either."""
    crowd(499)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(await client.users.list().collect()) == 499
        assert len(await client.users.list().collect(limit=3)) == 3
    with pytest.raises(InvalidRequestError, match="from 1 to 250"):
        client.users.list(take=251)
    assert {type(user) for user in await client.users.list(emails=["mia@sandbox.test"]).collect()} == {ManagedUser}
