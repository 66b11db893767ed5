"""Which keys the generator's records get: all alike, or few of them most (Zipf)."""

import random
from collections.abc import Sequence
from itertools import accumulate


class Keys:
    """Draws keys by their number.

    Args:
        count: how many different keys there are over all processes, at least as many as processes.
        zipf: the exponent s by which the key of rank r is drawn in proportion to 1/r^s; None: all alike.
        chance: draws.
        first: of the keys that this process sends: no key is sent by two, so that each keeps its order.
        of: how many processes share the keys.
    """

    def __init__(self, count: int, zipf: float | None, chance: random.Random, *, first: int = 0, of: int = 1) -> None:
        self._own = range(first, count, of)
        self._choices = chance.choices
        self._weights = None if zipf is None else list(accumulate((key + 1) ** -zipf for key in self._own))

    def take(self, count: int) -> Sequence[int]:
        """So many keys."""
        return self._choices(self._own, cum_weights=self._weights, k=count)
