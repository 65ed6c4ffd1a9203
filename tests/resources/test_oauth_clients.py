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
    """Return a client with the platform's own credentials."""
    return cal.with_credentials(PlatformClient(CLIENT, "sandbox-secret"))


@pytest.fixture
def clients(platform):
    """Return the OAuth clients with the platform's credentials, which alone can list and create them."""
    return resources.OAuthClients(platform._context)


@pytest.fixture
def user_clients(cal):
    """Return the OAuth clients with the key of an admin of the organization."""
    return resources.OAuthClients(cal._context)


@pytest.fixture
def client(platform):
    return resources.OAuthClient(platform._context, "/oauth-clients/{}", CLIENT)


async def test_the_life_of_a_client(clients, user_clients, calcom_sandbox):
    """An OAuth client is created, listed, updated and deleted; its secret is returned and in no repr."""
    created = await clients.create(NEW)
    assert isinstance(created, OAuthClientCredentials)
    assert last_request(calcom_sandbox) == SentRequest(
        "POST",
        "/oauth-clients",
        {},
        {"name": "Second", "redirectUris": ["https://second.test/back"], "permissions": ["BOOKING_READ"]},
        None,
    )
    fetched = await user_clients.get(created.client_id)
    assert isinstance(fetched, OAuthClient)
    assert (fetched.secret, fetched.permissions, fetched.logo) == (created.client_secret, ["BOOKING_READ"], None)
    assert created.client_secret not in f"{created!r}{fetched!r}"
    assert [client_read.id for client_read in await clients.list().collect()] == [CLIENT, created.client_id]
    changed = await user_clients.update(created.client_id, UpdateOAuthClient(name="Third", are_emails_enabled=False))
    assert last_request(calcom_sandbox).body == {"name": "Third", "areEmailsEnabled": False}
    assert (changed.name, changed.are_emails_enabled, changed.redirect_uris) == ("Third", False, NEW.redirect_uris)
    assert await user_clients.delete(created.client_id) == changed
    with pytest.raises(NotFoundError, match="OAuth client not found"):
        await user_clients.get(created.client_id)


async def test_all_permissions(clients, user_clients):
    """`*` is every permission by name."""
    created = await clients.create(CreateOAuthClient(name="All", redirect_uris=[], permissions=["*"]))
    assert len((await user_clients.get(created.client_id)).permissions) == 10


async def test_credentials_of_a_user(cal, clients, user_clients):
    """A personal key cannot list or create OAuth clients, and no OAuth client can read another."""
    for refused in (user_clients.list().collect(), user_clients.create(NEW)):
        with pytest.raises(UnauthorizedError, match="Organization ID not found"):
            await refused
    assert await user_clients.get(CLIENT) == await clients.get(CLIENT)
    other = await clients.create(NEW)
    with pytest.raises(UnauthorizedError, match="Invalid client secret"):
        await clients.get(other.client_id)
    plain = resources.OAuthClients(cal.with_credentials("cal_sandbox_cy")._context)
    with pytest.raises(ForbiddenError):
        await plain.delete(CLIENT)


async def test_an_invalid_client(clients):
    """The validation error names the fields."""
    with pytest.raises(BadRequestError) as caught:
        await clients.create(CreateOAuthClient(name="x", redirect_uris=["y"], permissions=["EVERYTHING"]))
    assert list(caught.value.fields) == ["permissions"]


# --- managed users


async def test_the_life_of_a_managed_user(client, calcom_sandbox):
    """A managed user is created with tokens, found by email address, updated and deleted."""
    created = await client.users.create(
        CreateManagedUser(email="ada@customers.test", name="Ada", time_zone="Europe/Rome", week_start=1)
    )
    assert isinstance(created, ManagedUserCreated)
    assert last_request(calcom_sandbox).endpoint == f"POST /oauth-clients/{CLIENT}/users"
    assert last_request(calcom_sandbox).body["weekStart"] == "Monday"
    assert created.user.email == f"ada+{CLIENT}@customers.test"
    assert created.user.default_schedule_id is not None
    assert created.access_token not in repr(created)
    users = await client.users.list(emails=["ada@customers.test"]).collect()
    assert last_request(calcom_sandbox).query == {"emails": "ada@customers.test", "limit": "250", "offset": "0"}
    assert users == [created.user]
    changed = await client.users.update(created.user.id, UpdateManagedUser(name="Ada L.", metadata={"id": "7"}))
    assert (changed.name, changed.metadata, changed.email) == ("Ada L.", {"id": "7"}, created.user.email)
    assert await client.users.get(created.user.id) == changed
    assert await client.users.delete(created.user.id) == changed
    with pytest.raises(NotFoundError, match="is not part of this OAuth client"):
        await client.users.get(created.user.id)


async def test_a_managed_user_without_a_time_zone(client):
    """Without a time zone a managed user has no schedule."""
    created = await client.users.create(CreateManagedUser(email="bea@customers.test", name="Bea"))
    assert (created.user.default_schedule_id, created.user.locale, created.user.metadata) == (None, None, None)


async def test_a_duplicate_address(client):
    """The conflict names the user who has the address."""
    with pytest.raises(ConflictError, match=f"Existing user ID={MIA}"):
        await client.users.create(CreateManagedUser(email="mia@sandbox.test", name="Mia"))


async def test_tokens_of_a_managed_user_work(cal, client):
    """`create` returns an access token, which is valid until the user is deleted."""
    created = await client.users.create(CreateManagedUser(email="ada@customers.test", name="Ada"))
    ada = cal.with_credentials(AccessToken(created.access_token))
    assert (await ada.me.get()).id == created.user.id
    await client.users.delete(created.user.id)
    with pytest.raises(UnauthorizedError):
        await ada.me.get()


async def test_refresh(cal, platform, calcom_sandbox):
    """A refresh returns a new pair; the old refresh token is invalid, the old access token stays valid."""
    pair = await platform.oauth_clients.refresh(CLIENT, "sandbox-refresh-token")
    assert last_request(calcom_sandbox) == SentRequest(
        "POST", f"/oauth/{CLIENT}/refresh", {}, {"refreshToken": "sandbox-refresh-token"}, None
    )
    assert (await cal.with_credentials(AccessToken(pair.access_token)).me.get()).id == MIA
    assert (await cal.with_credentials(AccessToken("sandbox-access-token")).me.get()).id == MIA
    with pytest.raises(BadRequestError, match="Invalid refresh token"):
        await platform.oauth_clients.refresh(CLIENT, "sandbox-refresh-token")


async def test_force_refresh(cal, client):
    """A forced refresh needs no refresh token, and invalidates the old tokens at once."""
    pair = await client.users.force_refresh(MIA)
    assert (await cal.with_credentials(AccessToken(pair.access_token)).me.get()).id == MIA
    with pytest.raises(UnauthorizedError):
        await cal.with_credentials(AccessToken("sandbox-access-token")).me.get()
    with pytest.raises(NotFoundError):
        await client.users.force_refresh(1)


# --- lists of more than 500 users


@pytest.fixture
def create_users(calcom_sandbox):
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
async def test_a_list_of_more_than_500_users(client, create_users, calcom_sandbox, prefetch):
    """The server accepts no offset over 250: the list ends after 500 users with a warning."""
    create_users(600)
    with pytest.warns(IncompleteListWarning, match="accepts no skip over 250"):
        users = await client.users.list(prefetch=prefetch).collect()
    assert len({user.id for user in users}) == 500
    assert [request.query["offset"] for request in sent_requests(calcom_sandbox)] == ["0", "250"]


async def test_a_strict_list_of_more_than_500_users(client, create_users):
    """With `strict` the incomplete list raises an error with the number of rows."""
    create_users(501)
    with pytest.raises(IncompleteListError) as caught:
        await client.users.list(strict=True).collect()
    assert caught.value.seen == 500


async def test_small_pages_end_earlier(client, create_users):
    """With pages of 100 the last offset is 200, so the list ends after 300 users."""
    create_users(600)
    with pytest.warns(IncompleteListWarning):
        assert len(await client.users.list(take=100).collect()) == 300


async def test_short_lists_do_not_warn(client, create_users, calcom_sandbox):
    """A list that is complete, or of which few rows are read, does not warn."""
    create_users(499)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(await client.users.list().collect()) == 499
        assert len(await client.users.list().collect(limit=3)) == 3
    with pytest.raises(InvalidRequestError, match="from 1 to 250"):
        client.users.list(take=251)
    assert {type(user) for user in await client.users.list(emails=["mia@sandbox.test"]).collect()} == {ManagedUser}
