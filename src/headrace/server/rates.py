"""How often something may be done: token buckets by name, and what each takes up in memory is bounded.

https://en.wikipedia.org/wiki/Token_bucket
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from headrace.model.errors import TooManyRequests

MOST_NAMES = 10_000

Now = Callable[[], float]


class Rate:
    """At most `per_second` on average, and `burst` at once; 0 a second sets no limit. For one event loop.

    The bucket of whom nothing was heard for longest is forgotten first: its owner begins with a full one again, which
    is what it would have by then.
    """

    def __init__(self, per_second: float, burst: float, now: Now = time.monotonic) -> None:
        self._per_second, self._burst, self._now = per_second, max(1.0, burst), now
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, name: Hashable, why: str) -> None:
        """Count one more of `name`'s.

        Raises:
            TooManyRequests: its bucket is empty; `why` says of what there were too many.
        """
        self.check(name, why)
        self.spend(name)

    def check(self, name: Hashable, why: str) -> None:
        """Raise as `take` does, and count nothing."""
        left = self._left(name)
        if self._per_second and left < 1.0:
            raise TooManyRequests(why, retry_after_seconds=max(1, math.ceil((1.0 - left) / self._per_second)))

    def spend(self, name: Hashable) -> None:
        """Count one more, whether there is room or not."""
        if not self._per_second:
            return
        self._buckets[name] = (max(0.0, self._left(name) - 1.0), self._now())
        self._buckets.move_to_end(name)
        if len(self._buckets) > MOST_NAMES:
            self._buckets.popitem(last=False)

    def _left(self, name: Hashable) -> float:
        left, at = self._buckets.get(name, (self._burst, 0.0))
        return min(self._burst, left + (self._now() - at) * self._per_second)
