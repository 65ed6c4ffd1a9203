"""What is known of one rate limit, and what follows from it: plain arithmetic on times, without an event loop.

Cal.com counts the calls of a credential in a window that begins with the first of them, and tells in every answer how
the count stands. Until an answer has told about the present window, requests go at a steady pace, one at a time, which
no window of that length can refuse, fixed or sliding: 1 + window / pace <= limit. The first answer opens the window:
from then on what is left of it may go at once, less what is on its way.

When responses show hits that are not ours, other clients use the key too. Then this client

* leaves them what they used in the window before, but at most half of the limit;
* keeps its requests in flight below a share of what is left. If every client does so, the requests in flight of all
  clients together are fewer than what is left, although each client knows only its own;
* never uses the last few. At the edge every client has at most one request in flight, so at most one request of each
  client arrives after the last few have begun. The reserve covers them if it is as large as the number of clients.

Nobody knows the number of clients. Clients that always have work share evenly, so it is estimated from the foreign
hits for each of ours. The estimate starts high, and again after a refusal, because then it was too low.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import msgspec

from calcom_async.errors import RateLimit

CLOCK_TOLERANCE = 0.05
"""Seconds added to every end that the server names: its clock and ours need not run alike."""
MAX_RESET = 25 * 3600.0
"""Seconds; the limit of a day is the longest that Cal.com has. A Reset beyond this is an error, such as an epoch."""
MAX_RETRY_AFTER = 3600.0
"""Seconds; a longer Retry-After is an error of a proxy."""
MAX_LIMIT = 1_000_000
"""A larger limit is counted as this: nobody reaches it."""
MAX_NAMED_LIMITS = 16
"""Named limits that one response may have; further ones are not read."""
MOST_PEERS, PEERS_PART = 40, 1 / 6
"""Bounds of the estimated number of other clients, and so of the reserve; the second is a part of the limit."""
JOINERS = 10
"""Most requests that a client leaves unused while it is alone."""
MARGIN = 1.5
"""The estimated number of other clients is multiplied by this: a client with more than its share underestimates it."""
CALM = 0.8
"""What each window without a refusal leaves of the caution after one."""


def plausible_limits(limits: Sequence[RateLimit]) -> Sequence[RateLimit]:
    """Return the limits that can be true, within bounds: each name once, and no time that nobody can wait for."""
    if len(limits) == 1 and is_exact(*limits[0]):  # nearly every response
        return limits
    found: dict[str, RateLimit] = {}
    for name, limit, remaining, reset in limits:
        if len(found) < MAX_NAMED_LIMITS and limit >= 0 and 0 <= reset <= MAX_RESET:
            most = max(1, int(min(limit, MAX_LIMIT)))
            found.setdefault(name, RateLimit(name, most, int(max(0, min(remaining, limit, most))), reset))
    return tuple(found.values())


def is_exact(_: str, limit: int, remaining: int, reset: float) -> bool:
    """Return whether a limit is within bounds as it stands."""
    are_whole = type(limit) is type(remaining) is int
    return are_whole and 0 <= remaining <= limit <= MAX_LIMIT and limit > 0 and 0 <= reset <= MAX_RESET


class WindowEstimate(msgspec.Struct):
    """One named limit, as far as we know it. All times are those of the event loop, in seconds.

    The window that the answers tell about ends somewhere in (`earliest`, `ends`]: Reset is rounded up to whole seconds
    and the answer took time. After `ends` nothing is known, except that whatever is sent then counts in a new window.
    """

    limit: int
    window: float
    earliest: float = -inf
    ends: float = -inf
    ended: float = -inf  # the same of the window before
    remaining: int = 0  # the lowest that an answer of this window said
    answered: int = 0  # ours that are among its hits
    answered_at: float = -inf
    lost: int = 0  # ours that have ended, but perhaps not yet among its hits
    lost_at: float = -inf
    foreign: int = 0  # hits that cannot be ours
    found: int = 0  # how many of them were there when we came
    others: float = 0.0  # foreign hits of the last window, for each of ours
    caution: float = 0.0  # 1 after a refusal, then less with each window
    before: float | None = None  # foreign hits of a whole window, by what the last one showed
    expected: float = 0.0  # the same for this window, never more than half the limit
    paced_at: float = -inf  # while nothing is known: when the next may go
    doubted: bool = False  # whether the last response told of a much longer window, which may be an error
    untold: bool = False  # whether answers name no limits, so that nothing will ever be known

    @property
    def shared(self) -> bool:
        """Whether others use this limit too; hits from before we came are no sign that somebody still does."""
        return self.foreign - self.found >= 1 or (self.before or 0) >= 1

    @property
    def peers(self) -> float:
        """An upper estimate of how many other clients use this limit."""
        caution = 1.0 if self.before is None else self.caution
        others = max(self.others, (self.foreign - self.found) / max(1, self.answered))
        return max(min(MARGIN * others, self._most_peers), caution * self._most_peers)

    @property
    def _most_peers(self) -> float:
        return min(MOST_PEERS, self.limit * PEERS_PART)

    @property
    def spare(self) -> int:
        """How many at the end of a window stay unused: they let others join or finish without a refusal."""
        if not self.shared:
            return min(JOINERS, self.limit // 100)
        return int(min(self._most_peers, max(self.limit // 40, self.peers + 1)))

    def unused(self, in_flight: int) -> int:
        """How many of this window nobody has used, as far as we know."""
        return max(0, self.remaining - in_flight - self.lost)

    def left(self, in_flight: int) -> int:
        """How many of them we may use."""
        return self.remaining - in_flight - self.lost - self.spare

    def ready_at(self, now: float, in_flight: int) -> float:
        """When one more request may go, if no answer comes before."""
        if now >= self.ends:
            if in_flight >= self.limit:
                return now + self._pace(now)
            return self.paced_at - (self._burst() - 1) * self._pace(now) if self.untold else self.paced_at
        spare = self.spare
        left = self.remaining - in_flight - self.lost - spare
        # In the very first window the number in flight doubles with each round of responses.
        if left < 1 or (self.before is None and in_flight > self.answered):
            return self.ends
        if self.shared:
            return (
                self._ready_beside_others(now, left) if in_flight < self._most_beside_others(now, left) else self.ends
            )
        # The last few only go when the window is nearly over, to see whether somebody has come.
        return now if left > spare else max(now, self.ends - self.window / 10)

    def _most_beside_others(self, now: float, left: int) -> int:
        """How many requests may be in flight: few near the edge, one if others may have used up what is left."""
        if now - self.answered_at > self.window / 20:
            return 1
        return max(1, left // int(max(8, 2 + 2 * self.peers)))

    def _ready_beside_others(self, now: float, left: int) -> float:
        """Half is for the others, and what they leave of it is ours as time runs out.

        Kept back is what we expect of them, plus a part that melts as the window passes, less what they have used.
        """
        melting = 0.6 * self.limit - self.expected
        melted_to = (left - 1 + self.spare + self.foreign - self.expected) / melting
        return max(now, self.ends - melted_to * self.window) if melted_to >= 0 else self.ends

    def room(self, now: float, in_flight: int) -> int:
        """How many calls the server has left for us: its own figure, if one is known for this window."""
        if now < self.ends:
            return self.unused(in_flight)
        return 1 if self.ready_at(now, in_flight) <= now else 0

    def turn_at(self, now: float, in_flight: int, ahead: int) -> float:
        """The earliest time for a request with so many others before it: while an answer is due, perhaps at once."""
        first = now if in_flight else self.ready_at(now, in_flight)
        if now >= self.ends:
            return first + ahead // self.limit * self.window
        left = max(0, self.left(in_flight))
        return first if ahead < left else self.ends + (ahead - left) // self.limit * self.window

    def _pace(self, now: float) -> float:
        """Seconds between requests while nothing is known; longer as long as an answer that opens the window is due."""
        if self.untold:
            return self.window / max(1, self.limit - self._burst())
        unhurried = self.window / max(1, self.limit - 1)
        first = self.ends == -inf and not self.lost
        return max(unhurried, self.window / 20) if first or now < self.ends + self.window else unhurried

    def _burst(self) -> int:
        """How many may go at once where no answer names limits: with what follows in a window, never over the limit."""
        return max(1, self.limit // 2)

    def sent(self, now: float) -> None:
        """A request goes."""
        if now >= self.ends:
            self.paced_at = max(self.paced_at, now) + self._pace(now)

    def withdrawn(self, now: float) -> None:
        """It was not sent after all."""
        if now >= self.ends:
            self.paced_at -= self._pace(now)

    def lose(self, number: int, now: float) -> None:
        """So many requests of ours ended, and whether the window's hits include them is not known."""
        self.lost += number
        self.lost_at = now
        if now >= self.ends and not self.untold:
            # No answer will open a window now: do not go on waiting for it.
            self.paced_at = min(self.paced_at, now + self.window / max(1, self.limit - 1))

    def learn(self, told: RateLimit, sent_at: float, now: float, in_flight: int, *, blocked: bool) -> None:
        """Take in what an answer says. `blocked`: its Reset may be a block's end, which tells nothing of windows."""
        earliest, ends = sent_at + told.reset - 1, now + told.reset + CLOCK_TOLERANCE
        of_another_window = earliest < self.ended or ends <= self.earliest
        if of_another_window and (blocked or sent_at < self.answered_at):
            self.lose(1, now)  # so late that it tells of the window before
            return
        unlikely = not blocked and told.reset > max(MAX_RETRY_AFTER, 2 * self.window)
        self.doubted = unlikely and not self.doubted
        if self.doubted:
            self.lose(1, now)  # a second response has to confirm that the window has become so long
            return
        begins = not blocked and (of_another_window or told.limit != self.limit or self.ends == -inf)
        self.untold = False
        if blocked:
            self.limit = told.limit
            self.remaining, self.ends, self.caution = 0, max(self.ends, ends), 1.0
        elif begins:
            self._begin(told, earliest, ends)
        elif earliest >= self.ends:
            self._open(told, earliest, ends)
        else:
            self.remaining = min(self.remaining, told.remaining)
            self.earliest, self.ends = max(self.earliest, earliest), min(self.ends, ends)
        if not blocked and (told.remaining == told.limit - 1 or told.reset > self.window):
            self.window = max(1.0, told.reset)
        self._count_others(sent_at, now, in_flight)
        if begins:
            self.found = self.foreign

    def _begin(self, told: RateLimit, earliest: float, ends: float) -> None:
        """Start from this response alone: it is the first, or newer than all that it contradicts.

        So a wrong response has no effect after the next right one.
        """
        self.limit, self.window = told.limit, max(1.0, told.reset)
        self.ended, self.earliest, self.ends, self.remaining = -inf, earliest, ends, told.remaining
        self.answered = self.lost = self.foreign = 0

    def _open(self, told: RateLimit, earliest: float, ends: float) -> None:
        """A new window: what the last one showed of others is what we expect of them now."""
        unseen = min(1.0, max(0.0, self.ends - self.answered_at) / self.window)
        self.before = self.foreign + unseen * (self.before or 0)
        self.others = (self.before - self.found) / max(1, self.answered + self.lost)
        self.caution *= CALM
        self.ended, self.earliest, self.ends, self.remaining = self.ends, earliest, ends, told.remaining
        self.answered = self.lost = self.foreign = self.found = 0

    def _count_others(self, sent_at: float, now: float, in_flight: int) -> None:
        """Count the hits that are not ours, at the least: any in flight may be among the server's hits already."""
        if sent_at >= self.lost_at:
            self.answered, self.lost = self.answered + self.lost, 0
        self.answered += 1
        self.answered_at = now
        hits = self.limit - self.remaining
        self.foreign = max(self.foreign, hits - self.answered - self.lost - in_flight)
        passed = 1 - max(0.0, self.ends - now) / self.window
        self.expected = min(self.limit / 2, max(self.before or 0, self.foreign / max(0.25, passed)))
