"""Stores in which processes that act as one user share its tokens: the interface, and a file.

    AccessToken("access", "refresh", client_id=..., client_secret=..., store=FileTokenStore("ana.json"))

TokenStore        interface, for a store of your own; `redis_token_store` has the one for Redis
FileTokenStore    a file on a disk that all processes can reach
SharedTokens      what `AccessToken` does with a store
"""

from __future__ import annotations

import asyncio
import os
import random
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Protocol

import msgspec

from calcom_async.errors import CalcomError, ConfigError, TokenStoreError, shown
from calcom_async.events import log
from calcom_async.file_lock import acquire, real_path, release
from calcom_async.models._base import SecretModel
from calcom_async.secret import Hidden, Secret, fingerprint

LOCK_TIMEOUT = 120.0
"""Seconds to wait for a lock. Its holder refreshes a token, which takes at most two attempts of 60 s by default."""
MAX_ANCESTORS = 1_000
MAX_BYTES = 2**20
"""Size of a file that certainly contains something else."""


class TokenStore(Protocol):
    """Interface of a store for the tokens of one user. All processes that act as the user share it.

    `load` and `save` are called only while the lock is held. A `save` that has returned must survive a crash.
    """

    def lock(self) -> AbstractAsyncContextManager[object]:
        """Return a context manager that holds the lock, and waits as long as another process or task has it."""

    async def load(self) -> Secret | None:
        """Return the text that was saved last; None if there is none."""

    async def save(self, tokens: Secret) -> None:
        """Replace the text."""


class StoredTokens(SecretModel, frozen=True, kw_only=True):
    """A pair of tokens, and the fingerprints of the refresh tokens from which it was made, the latest ones last."""

    secret_fields: ClassVar[frozenset[str]] = frozenset({"access", "refresh"})

    access: str
    refresh: str
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None
    ancestors: tuple[str, ...]
    version: Literal[1] = 1


class SharedTokens:
    """The tokens of an `AccessToken` in a store: which pair is newer, and whether the one in use is stored.

    A process may be started with a refresh token that was used up long ago. The stored pair is newer if that token is
    one of those from which it was made. Otherwise the given pair is of another grant, or of another user.
    """

    def __init__(self, store: TokenStore, given: Secret | None) -> None:
        if isinstance(store, type) or not all(hasattr(store, name) for name in ("lock", "load", "save")):
            raise ConfigError(f"store must be an object with the methods of TokenStore, got {type(store).__name__}")
        if given is None:
            raise ConfigError("a token store needs the refresh token as well")
        self.store = store
        self.is_synchronized: bool = False
        """Whether the store was read, and has the pair in use."""
        self._is_unstored = False
        self._given = fingerprint(given)
        self._ancestors: tuple[str, ...] = ()

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Hold the lock of the store."""
        async with AsyncExitStack() as stack:
            with self._usable("lock"):
                await stack.enter_async_context(self.store.lock())
            yield

    async def read(self, access: Secret, refresh: Secret | None) -> StoredTokens | None:
        """Return the stored pair if it is newer than the one in use."""
        with self._usable("read"):
            text = Hidden(await self.store.load())
        stored = None if text.reveal() is None else self._decode(text)
        self.is_synchronized = not self._is_unstored
        if stored is None:
            return None
        own, other = _identify(refresh), _identify(Secret(stored.refresh))
        is_newer = own in stored.ancestors
        if own == other:  # not every refresh replaces the refresh token
            is_newer = Secret(stored.access) != access and not self._is_unstored
        elif not is_newer and other not in self._ancestors:
            log.warning(
                "the tokens in %r were not made from the given ones: the next refresh replaces them. "
                "Give each user a store of its own",
                self.store,
            )
        if own == other or is_newer:
            self._ancestors = stored.ancestors
        if is_newer:
            self.is_synchronized, self._is_unstored = True, False
        return stored if is_newer else None

    def note_refresh(self, used: Secret | None) -> None:
        """Note that this refresh token was used, and that the new pair is not stored yet."""
        latest = (self._given, _identify(used))
        others = (ancestor for ancestor in self._ancestors if ancestor not in latest)
        self._ancestors = (*others, *dict.fromkeys(latest))[-MAX_ANCESTORS:]
        self.is_synchronized, self._is_unstored = False, True

    async def save(self, access: Secret, refresh: Secret | None, expires_at: datetime | None) -> TokenStoreError | None:
        """Store the pair in use; return the error if that fails."""
        own = _identify(refresh)
        stored = StoredTokens(
            access=access.reveal(),
            refresh=refresh.reveal() if refresh else "",
            expires_at=expires_at,
            ancestors=tuple(ancestor for ancestor in self._ancestors if ancestor != own),
        )
        try:
            await self.store.save(Secret(msgspec.json.encode(stored).decode()))
        except Exception as error:  # noqa: BLE001 - a store of a user may raise anything
            problem = TokenStoreError(
                f"the tokens were refreshed, but cannot be stored in {self.store!r}: {type(error).__name__}: {error}",
                hint="The next request tries that again, and is sent only after it. `AccessToken.tokens` has the pair",
            )
            problem.__cause__ = error
            return problem
        self.is_synchronized, self._is_unstored = True, False
        return None

    @contextmanager
    def _usable(self, action: str) -> Iterator[None]:
        """Turn an error that is none of ours, which a store of a user may raise, into a `TokenStoreError`."""
        try:
            yield
        except CalcomError:
            raise
        except Exception as error:
            raise TokenStoreError(f"cannot {action} {self.store!r}: {type(error).__name__}: {error}") from error

    def _decode(self, text: Hidden[Any]) -> StoredTokens:
        problem = "it is not a text"
        if Secret(text.reveal()).holds_text():
            try:
                stored = msgspec.json.decode(Secret(text.reveal()).reveal(), type=StoredTokens)
                Secret(stored.access).checked("the access token", in_header=True)
                Secret(stored.refresh).checked("the refresh token")
            except (msgspec.MsgspecError, UnicodeError, RecursionError, ConfigError) as error:
                problem = str(error)
            else:
                return stored
        # Raised here, because the traceback of the first error may contain the text.
        raise TokenStoreError(
            f"the tokens in {self.store!r} are damaged: {problem}",
            hint="Restore them, or delete them to start with the tokens that AccessToken is given",
        )


def _identify(refresh: Secret | None) -> str:
    return fingerprint(refresh) if refresh else ""


async def wait_for_lock(try_lock: Callable[[], Awaitable[bool]], store: object) -> None:
    """Try to get the lock until it is free. A cancelled wait leaves nothing behind, unlike one in a thread."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LOCK_TIMEOUT
    while not await try_lock():
        if loop.time() >= deadline:
            raise TokenStoreError(
                f"another process has held the lock of {store!r} for {LOCK_TIMEOUT:.0f} s",
                hint="Find out what it is waiting for, or end it",
            )
        await asyncio.sleep(random.uniform(0.02, 0.08))  # noqa: S311 - so that processes do not keep step


class FileTokenStore:
    """Tokens in a file that only its owner can read, with a lock file next to it while it is in use.

    The folder must exist, on a file system with locks. A symbolic link to the file stays. The file is replaced in one
    step: after a crash it has the old tokens or the new ones. Raises `TokenStoreError` if it cannot be used. The
    tokens are not encrypted.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self._path: str = os.path.realpath(os.fsdecode(path) or "\0")  # realpath returns the current folder for ""
            os.fsencode(self._path)
        except (TypeError, ValueError):  # realpath raises one for a NUL character
            raise ConfigError(f"FileTokenStore: path must be a path, got {shown(path)}") from None

    def __repr__(self) -> str:
        return f"FileTokenStore({self._path!r})"

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Hold the lock, after waiting until no other process or task has it."""
        await wait_for_lock(self._try_lock, self)
        try:
            yield
        finally:
            release(real_path(self._path))

    async def _try_lock(self) -> bool:
        try:
            unsupported = acquire(real_path(self._path), TokenStoreError)
        except BlockingIOError:
            return False
        if unsupported:
            release(real_path(self._path))
            raise TokenStoreError(
                f"cannot lock {self._path}: its file system has no locks ({unsupported.strerror})",
                hint="Choose another place",
            )
        return True

    async def load(self) -> Secret | None:
        """Return the content of the file; None if there is none."""
        return await asyncio.to_thread(self._read)

    async def save(self, tokens: Secret) -> None:
        """Replace the content of the file, and return when it is on the disk."""
        writing = asyncio.get_running_loop().run_in_executor(None, self._write, tokens)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])  # the lock must not be released before that
            raise

    def _read(self) -> Secret | None:
        try:
            # Without blocking, because the path may be a pipe.
            file = os.open(self._path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
            try:
                is_regular = stat.S_ISREG(os.fstat(file).st_mode)
                data = Hidden(b"")
                if is_regular:
                    with os.fdopen(file, "rb", closefd=False) as content:
                        data = Hidden(content.read(MAX_BYTES + 1))
            finally:
                os.close(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TokenStoreError(f"cannot read {self._path}: {error.strerror}") from error
        if not is_regular or len(data.reveal()) > MAX_BYTES:
            problem = "is larger than 1 MB" if is_regular else "is not a regular file"
            raise TokenStoreError(f"{self._path} contains no tokens: it {problem}", hint="Choose another path")
        return Secret(data.reveal().decode("utf-8", "replace"))

    def _write(self, tokens: Secret) -> None:
        new = f"{self._path}.new"
        try:
            with suppress(FileNotFoundError):
                os.unlink(new)  # noqa: PTH108 - of a process that crashed
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
                file.write(tokens.reveal().encode())
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self._path)  # noqa: PTH105
        except OSError as error:
            raise TokenStoreError(f"cannot write {self._path}: {error.strerror}") from error
        with suppress(OSError):  # some systems cannot open a folder; the file itself is on the disk
            folder = os.open(os.path.dirname(self._path), os.O_RDONLY)  # noqa: PTH120
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
