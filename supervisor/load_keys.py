"""Which keys the generator's records get: all alike, or few of them most (Zipf)."""

import random
from collections.abc import Sequence
from heapq import heapify, heapreplace
from itertools import accumulate


class Keys:
    """Draws keys by their number. No key is sent by two processes, so that each keeps its order.

    Args:
        count: how many different keys there are over all processes, at least as many as processes.
        zipf: the exponent s by which the key of rank r is drawn in proportion to 1/r^s; None: all alike.
        chance: draws.
        first: which process this is, from 0.
        of: how many processes share the keys.
    """

    def __init__(self, count: int, zipf: float | None, chance: random.Random, *, first: int = 0, of: int = 1) -> None:
        self.count = count
        self._choices = chance.choices
        self._own: Sequence[int] = range(first, count, of)
        self._weights = None
        if zipf is not None:
            weights = _weights(count, zipf)
            self._own = _shares(weights, of)[first]
            self._weights = list(accumulate(weights[key] for key in self._own))

    def take(self, count: int) -> Sequence[int]:
        """So many keys."""
        return self._choices(self._own, cum_weights=self._weights, k=count)


def most_processes(count: int, zipf: float | None) -> int:
    """How many processes can share keys: all send as many records, and the first key may not get more than that."""
    if zipf is None:
        return count
    weights = _weights(count, zipf)
    return int(sum(weights) / weights[0])


def _weights(count: int, zipf: float) -> list[float]:
    return [rank**-zipf for rank in range(1, count + 1)]


def _shares(weights: Sequence[float], of: int) -> list[list[int]]:
    """Each process's keys, which weigh as much as another's together."""
    shares: list[list[int]] = [[] for _ in range(of)]
    sums = [(0.0, number) for number in range(of)]
    heapify(sums)
    for key, weight in enumerate(weights):  # the heaviest first, each to who has least
        least, number = sums[0]
        shares[number].append(key)
        heapreplace(sums, (least + weight, number))
    return shares
