"""Estimate of one rate limit window of the server. Pure arithmetic on times, without an event loop.

Cal.com counts the requests of a credential in a fixed window that starts with the first of them, and reports the count
in the headers of every response. Until a response has reported the current window, requests are sent one at a time at
a steady pace. No window of that length, fixed or sliding, can reject that pace: 1 + window / pace <= limit. The first
response opens the window: all that is left of it may be used at once, less the requests in flight.

If the headers show hits that are not ours, other clients use the same key. Then this client

* leaves them what they used in the previous window, but at most half of the limit;
* keeps its requests in flight below a share of what is left. If every client does so, all requests in flight together
  are fewer than what is left, although each client knows only its own;
* never uses the last few requests of a window, the reserve. When little is left, every client has at most one request
  in flight, so at most one request per client arrives after the reserve is reached. A reserve as large as the number of
  clients covers them.

The number of clients is unknown. Clients that always have work share evenly, so it is estimated as the ratio of other
hits to our own. The estimate starts high, and is high again after a 429, because then it was too low.

Each constant was chosen with `tests/test_rate_limiter_simulation.py`, ten minutes of traffic per test. With other
values, these tests fail:

    constant                 value  other value  tests that fail
    NEWCOMER_RESERVE         10     none         the_next_right_response_restores_the_state (in test_rate_limiter.py)
    NEWCOMER_RESERVE_SHARE   1/100  0            a_client_that_comes_later_gets_its_half
    PROBE_AT                 1/10   0            a_client_that_comes_later_gets_its_half
                                    1/20         clients_at_different_distances
    FIRST_PACE               1/20   0 or 1/10    beside_a_reckless_stranger
    MAX_OTHER_CLIENTS        40     none         two_clients_on_a_large_limit
    MAX_OTHER_CLIENTS_SHARE  1/6    1/8          clients_at_different_distances
                                    1/4          independent_clients_on_one_key
    CLIENTS_MARGIN           1.5    1            clients_at_different_distances
    CAUTION_DECAY            0.8    0.5          clients_at_different_distances
    WITHHELD                 0.6    0.5          beside_a_steady_stranger, two_clients_share_evenly
                                    1            beside_a_reckless_stranger
    OBSERVED                 1/4    1/2          beside_a_steady_stranger
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import msgspec

from calcom_async.errors import RateLimit

CLOCK_TOLERANCE = 0.05
"""Seconds added to every end of a window that the server reports, because clocks do not run alike."""
MAX_RESET = 25 * 3600.0
"""Seconds. Cal.com has daily limits, but none longer; a Reset beyond this is an error, for example a Unix time."""
MAX_RETRY_AFTER = 3600.0
"""Seconds. A longer Retry-After is an error, for example of a proxy."""
MAX_LIMIT = 1_000_000
"""A larger limit is reduced to this, which no client reaches."""
MAX_NAMED_LIMITS = 16
"""Named limits read from one response."""

NEWCOMER_RESERVE, NEWCOMER_RESERVE_SHARE = 10, 1 / 100
"""Bounds of the reserve of a client that is alone. The second is a share of the limit."""
PROBE_AT = 1 / 10
"""The last requests before that reserve wait until this part of the window is left, to detect a client that joined."""
FIRST_PACE = 1 / 20
"""Part of the window between two requests, at least, while the first response of a window is due."""
MAX_OTHER_CLIENTS, MAX_OTHER_CLIENTS_SHARE = 40, 1 / 6
"""Bounds of the estimated number of other clients, and so of the reserve. The second is a share of the limit."""
CLIENTS_MARGIN = 1.5
"""Factor on the estimated number of other clients: a client with more than its share sees fewer than there are."""
CAUTION_DECAY = 0.8
"""Part of the caution after a 429 that remains after each window without one."""
WITHHELD = 0.6
"""Share of the limit withheld for other clients at the start of a window, of which less remains as time passes."""
OBSERVED = 1 / 4
"""Hits of other clients are extrapolated from this part of a window, at least."""


def plausible_limits(limits: Sequence[RateLimit]) -> Sequence[RateLimit]:
    """Return the limits within bounds, each name once, without those whose Reset is impossible."""
    if len(limits) == 1:  # nearly every response
        [reported] = limits
        limit, remaining = reported.limit, reported.remaining
        are_integers = type(limit) is type(remaining) is int
        if are_integers and 0 <= remaining <= limit <= MAX_LIMIT and limit and 0 <= reported.reset <= MAX_RESET:
            return limits
    plausible: dict[str, RateLimit] = {}
    for reported in limits:
        limit, remaining, reset = reported.limit, reported.remaining, reported.reset
        if len(plausible) < MAX_NAMED_LIMITS and limit >= 0 and 0 <= reset <= MAX_RESET:
            most = max(1, int(min(limit, MAX_LIMIT)))
            within_bounds = RateLimit(reported.name, most, int(max(0, min(remaining, limit, most))), reset)
            plausible.setdefault(reported.name, within_bounds)
    return tuple(plausible.values())


class WindowEstimate(msgspec.Struct):
    """What is known about one named limit. All times are those of the event loop, in seconds.

    The reported window ends in (`ends_after`, `ends_by`]: Reset is rounded up to whole seconds, and the response took
    time to arrive. After `ends_by` nothing is known, except that the next request counts in a new window.
    """

    limit: int
    window: float
    ends_after: float = -inf
    ends_by: float = -inf
    previous_end: float = -inf  # `ends_by` of the previous window
    remaining: int = 0  # the lowest that a response of this window reported
    confirmed: int = 0  # our requests that the server's count includes
    confirmed_at: float = -inf  # when the last of their responses arrived
    unconfirmed: int = 0  # our requests that have ended, but which the server's count may not include yet
    unconfirmed_at: float = -inf
    other_hits: int = 0  # hits of other clients, at least
    initial_hits: int = 0  # those that were there before our first response: they do not show an active client
    other_hits_per_own: float = 0.0  # in the previous window
    caution: float = 0.0  # 1 after a 429, then less with each window
    previous_other_hits: float | None = None  # hits of other clients in a whole window, extrapolated from the last one
    is_shared: bool = False  # other clients use this limit now
    other_clients: float = 0.0  # an upper estimate of their number
    expected_other_hits: float = 0.0  # their hits in this whole window, at most half of the limit
    reserve: int = 0  # requests at the end that stay unused, so that others can join or finish without a 429
    next_paced_at: float = -inf  # time of the next request while the window is unknown
    is_suspect: bool = False  # the last response reported a much longer window, which may be an error
    no_headers: bool = False  # responses carry no headers, so no window will ever be known

    def unused(self, in_flight: int) -> int:
        """Return how many requests of this window no client has used, as far as known."""
        return max(0, self.remaining - in_flight - self.unconfirmed)

    def usable(self, in_flight: int) -> int:
        """Return how many of them this client may use; below zero inside the reserve."""
        return self.remaining - in_flight - self.unconfirmed - self.reserve

    def ready_at(self, now: float, in_flight: int) -> float:
        """Return when one more request may be sent, if no response arrives before."""
        if now >= self.ends_by:
            if in_flight >= self.limit:
                return now + self._pace(now)
            return self.next_paced_at - (self._burst - 1) * self._pace(now) if self.no_headers else self.next_paced_at
        usable = self.remaining - in_flight - self.unconfirmed - self.reserve
        # In the first window the number in flight doubles with each round of responses, because other clients may have
        # started at the same time.
        if usable < 1 or (self.previous_other_hits is None and in_flight > self.confirmed):
            return self.ends_by
        if self.is_shared:
            max_in_flight = max(1, usable // int(2 + 2 * self.other_clients))
            return self._ready_when_shared(now, usable) if in_flight < max_in_flight else self.ends_by
        # The last few are sent only when the window is nearly over, to detect a client that has joined.
        return now if usable > self.reserve else max(now, self.ends_by - self.window * PROBE_AT)

    def _ready_when_shared(self, now: float, usable: int) -> float:
        """Half of the limit is for the others, and what they leave of it becomes ours as time passes.

        Withheld is what they are expected to use plus a part that shrinks during the window, less what they have used.
        """
        shrinking = WITHHELD * self.limit - self.expected_other_hits
        shrunk_to = (usable - 1 + self.reserve + self.other_hits - self.expected_other_hits) / shrinking
        return max(now, self.ends_by - shrunk_to * self.window) if shrunk_to >= 0 else self.ends_by

    def available(self, now: float, in_flight: int) -> int:
        """Return how many requests the server would still accept: its own figure, if it is known for this window."""
        if now < self.ends_by:
            return self.unused(in_flight)
        return 1 if self.ready_at(now, in_flight) <= now else 0

    def estimate_grant_time(self, now: float, in_flight: int, ahead: int) -> float:
        """Return the earliest time for a request with `ahead` others before it: with a response due, perhaps now."""
        first = now if in_flight else self.ready_at(now, in_flight)
        if now >= self.ends_by:
            return first + ahead // self.limit * self.window
        usable = max(0, self.usable(in_flight))
        return first if ahead < usable else self.ends_by + (ahead - usable) // self.limit * self.window

    def _pace(self, now: float) -> float:
        """Return the seconds between requests while the window is unknown: longer while the first response is due."""
        if self.no_headers:
            return self.window / max(1, self.limit - self._burst)
        steady = self.window / max(1, self.limit - 1)
        is_first = self.ends_by == -inf and not self.unconfirmed
        return max(steady, self.window * FIRST_PACE) if is_first or now < self.ends_by + self.window else steady

    @property
    def _burst(self) -> int:
        """How many may be sent at once if responses carry no headers; with the pace after it, at most the limit."""
        return max(1, self.limit // 2)

    def record_paced(self, now: float) -> None:
        """Count a request that is sent now, while the window is unknown."""
        self.next_paced_at = max(self.next_paced_at, now) + self._pace(now)

    def undo_paced(self, now: float) -> None:
        """Take back a request that was counted, but not sent, while the window is unknown."""
        self.next_paced_at -= self._pace(now)

    def mark_unconfirmed(self, number: int, now: float) -> None:
        """Note that so many requests ended without telling whether the server has counted them."""
        self.unconfirmed += number
        self.unconfirmed_at = now
        if now >= self.ends_by and not self.no_headers:
            # No response will open a window now, so do not wait for one.
            self.next_paced_at = min(self.next_paced_at, now + self.window / max(1, self.limit - 1))

    def update(self, reported: RateLimit, sent_at: float, now: float, in_flight: int, *, blocked: bool) -> None:
        """Update from the headers of a response. If `blocked`, Reset may be the end of a block, not of the window."""
        ends_after, ends_by = sent_at + reported.reset - 1, now + reported.reset + CLOCK_TOLERANCE
        is_same_window = (
            not blocked
            and reported.limit == self.limit
            and self.previous_end <= ends_after < self.ends_by
            and self.ends_after < ends_by
        )
        restarts = False
        if is_same_window:
            # Nearly every response. A comparison costs a fifth of a call of min() or max(), or of setting an attribute.
            if reported.remaining < self.remaining:
                self.remaining = reported.remaining
            if ends_after > self.ends_after:
                self.ends_after = ends_after
            if ends_by < self.ends_by:
                self.ends_by = ends_by
            if self.is_suspect:
                self.is_suspect = False
        else:
            of_another_window = ends_after < self.previous_end or ends_by <= self.ends_after
            if of_another_window and (blocked or sent_at < self.confirmed_at):
                self.mark_unconfirmed(1, now)  # a late response, of the previous window
                return
            is_unlikely = reported.reset > MAX_RETRY_AFTER and reported.reset > 2 * self.window and not blocked
            self.is_suspect = is_unlikely and not self.is_suspect
            if self.is_suspect:
                self.mark_unconfirmed(1, now)  # a second response has to confirm that the window is that long
                return
            restarts = not blocked and (of_another_window or reported.limit != self.limit or self.ends_by == -inf)
            if blocked:
                self.limit = reported.limit
                self.remaining, self.ends_by, self.caution = 0, max(self.ends_by, ends_by), 1.0
            elif restarts:
                self._restart(reported, ends_after, ends_by)
            else:
                self._open(reported, ends_after, ends_by)
        if self.no_headers:
            self.no_headers = False
        if not blocked and (reported.remaining == reported.limit - 1 or reported.reset > self.window):
            self.window = max(1.0, reported.reset)
        has_more_hits = self._count_other_hits(sent_at, now, in_flight)
        if restarts:
            self.initial_hits = self.other_hits
        if has_more_hits or self.is_shared or not is_same_window:
            self._estimate_sharing(now)

    def _restart(self, reported: RateLimit, ends_after: float, ends_by: float) -> None:
        """Start from this response alone: it is the first, or newer than everything that it contradicts.

        So a wrong response has no effect after the next right one.
        """
        self.limit, self.window = reported.limit, max(1.0, reported.reset)
        self.previous_end, self.ends_after, self.ends_by = -inf, ends_after, ends_by
        self.remaining = reported.remaining
        self.confirmed = self.unconfirmed = self.other_hits = 0

    def _open(self, reported: RateLimit, ends_after: float, ends_by: float) -> None:
        """Start a new window. Expect of the others what they did in the last one."""
        unobserved = min(1.0, max(0.0, self.ends_by - self.confirmed_at) / self.window)
        self.previous_other_hits = self.other_hits + unobserved * (self.previous_other_hits or 0)
        own = max(1, self.confirmed + self.unconfirmed)
        self.other_hits_per_own = (self.previous_other_hits - self.initial_hits) / own
        self.caution *= CAUTION_DECAY
        self.previous_end, self.ends_after, self.ends_by = self.ends_by, ends_after, ends_by
        self.remaining = reported.remaining
        self.confirmed = self.unconfirmed = self.other_hits = self.initial_hits = 0

    def _count_other_hits(self, sent_at: float, now: float, in_flight: int) -> bool:
        """Count the hits of other clients, and return whether there are more than before.

        There are at least so many: the server may have counted our requests in flight already.
        """
        if self.unconfirmed and sent_at >= self.unconfirmed_at:
            self.confirmed, self.unconfirmed = self.confirmed + self.unconfirmed, 0
        self.confirmed += 1
        self.confirmed_at = now
        other_hits = self.limit - self.remaining - self.confirmed - self.unconfirmed - in_flight
        if other_hits <= self.other_hits:
            return False
        self.other_hits = other_hits
        return True

    def _estimate_sharing(self, now: float) -> None:
        """Estimate what other clients do from the hits that are not ours."""
        new_other_hits = self.other_hits - self.initial_hits
        self.is_shared = new_other_hits >= 1 or (self.previous_other_hits or 0) >= 1
        if not self.is_shared:
            reserve = int(self.limit * NEWCOMER_RESERVE_SHARE)
            self.reserve = reserve if reserve < NEWCOMER_RESERVE else NEWCOMER_RESERVE
            return
        most = min(MAX_OTHER_CLIENTS, self.limit * MAX_OTHER_CLIENTS_SHARE)
        caution = 1.0 if self.previous_other_hits is None else self.caution
        per_own = max(self.other_hits_per_own, new_other_hits / max(1, self.confirmed))
        self.other_clients = max(min(CLIENTS_MARGIN * per_own, most), caution * most)
        self.reserve = int(min(most, self.other_clients + 1))
        passed = 1 - max(0.0, self.ends_by - now) / self.window
        extrapolated = self.other_hits / max(OBSERVED, passed)
        self.expected_other_hits = min(self.limit / 2, max(self.previous_other_hits or 0, extrapolated))
