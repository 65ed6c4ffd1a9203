"""What is known of one rate limit, and what follows from it: plain arithmetic on times, without an event loop.

Cal.com counts the calls of a credential in a window that begins with the first of them, and tells in every answer how
the count stands. Until an answer has told about the present window, requests go at a steady pace, one at a time, which
no window of that length can refuse, fixed or sliding: 1 + window / pace <= limit. The first answer opens the window:
from then on what is left of it may go at once, less what is on its way.

When answers show hits that are not ours, others use the key too. Then we leave them what they used in the window
before, but keep half for ourselves; two clients that both do so share evenly and are not refused.
"""

from __future__ import annotations

from math import inf

import msgspec

from calcom_async.errors import RateLimit

GRACE = 0.05
"""Seconds added to every end that the server names: its clock and ours need not run alike."""


class Gauge(msgspec.Struct):
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
    before: float | None = None  # foreign hits of a whole window, by what the last one showed
    expected: float = 0.0  # the same for this window, never more than half the limit
    paced_at: float = -inf  # while nothing is known: when the next may go
    untold: bool = False  # whether answers name no limits, so that nothing will ever be known

    @property
    def shared(self) -> bool:
        """Whether others use this limit too."""
        return self.foreign >= 1 or (self.before or 0) >= 1

    def left(self, in_flight: int) -> int:
        """How many of this window nobody has used, as far as we know.

        The last few are never touched: they let another client join without a refusal.
        """
        spare = self.limit // 40 if self.shared else self.limit // 100
        return self.remaining - in_flight - self.lost - spare

    def ready_at(self, now: float, in_flight: int) -> float:
        """When one more request may go, if no answer comes before."""
        if now >= self.ends:
            if in_flight >= self.limit:
                return now + self._pace(now)
            return self.paced_at - (self._burst() - 1) * self._pace(now) if self.untold else self.paced_at
        left = self.left(in_flight)
        if left < 1 or (self.before is None and in_flight > self.answered):
            return self.ends  # in the very first window the number in flight doubles with each round of answers
        return self._ready_beside_others(now, in_flight, left) if self.shared else self._ready_alone(now, left)

    def _ready_alone(self, now: float, left: int) -> float:
        """At once; only the last few go when the window is nearly over, to see whether somebody has come."""
        return now if left > self.limit // 100 else max(now, self.ends - self.window / 10)

    def _ready_beside_others(self, now: float, in_flight: int, left: int) -> float:
        """Half is for the others, and what they leave of it is ours as time runs out.

        Kept back is what we expect of them, plus a part that melts as the window passes, less what they have used.
        Few are in flight near the edge, and only one when the last answer is old: the others may have used it up.
        """
        stale = now - self.answered_at > self.window / 20
        if in_flight >= (1 if stale else max(1, left // 8)):
            return self.ends
        melting = 0.6 * self.limit - self.expected
        melted_to = (left - 1 + self.limit // 40 + self.foreign - self.expected) / melting
        return max(now, self.ends - melted_to * self.window) if melted_to >= 0 else self.ends

    def room(self, now: float, in_flight: int) -> int:
        """How many may go at this moment."""
        if self.ready_at(now, in_flight) > now:
            return 0
        return self.left(in_flight) if now < self.ends and not self.shared else 1

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
        earliest, ends = sent_at + told.reset - 1, now + told.reset + GRACE
        if earliest < self.ended or ends <= self.earliest:
            self.lose(1, now)  # so late that it tells of the window before
            return
        self.untold = False
        self._learn_size(told, blocked=blocked)
        if blocked:
            self.remaining, self.ends = 0, max(self.ends, ends)
        elif earliest >= self.ends:
            self._open(told.remaining, earliest, ends)
        else:
            self.remaining = min(self.remaining, told.remaining)
            self.earliest, self.ends = max(self.earliest, earliest), min(self.ends, ends)
        self._count_others(sent_at, now, in_flight)

    def _learn_size(self, told: RateLimit, *, blocked: bool) -> None:
        self.limit = max(1, told.limit)
        begins = told.remaining == told.limit - 1
        if not blocked and (begins or told.reset > self.window):
            self.window = max(1.0, told.reset)

    def _open(self, remaining: int, earliest: float, ends: float) -> None:
        """A new window: what the last one showed of others is what we expect of them now."""
        if self.ends > -inf:
            unseen = min(1.0, max(0.0, self.ends - self.answered_at) / self.window)
            self.before = self.foreign + unseen * (self.before or 0)
        self.ended, self.earliest, self.ends, self.remaining = self.ends, earliest, ends, remaining
        self.answered = self.lost = self.foreign = 0

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
