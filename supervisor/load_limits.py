"""Which numbers a type takes, by its constraints."""

import math
from typing import Final

from msgspec import inspect

Number = inspect.IntType | inspect.FloatType

_WIDTH: Final = 100
"""From the lowest number to the highest, where only one of them is given, or none; of multiples, so many."""
_MULTIPLES: Final = 10_000


def ends(info: Number, count: int = _WIDTH) -> tuple[float, float]:
    """The lowest and the highest number, which may be excluded; where there is none, so that they hold so many."""
    low, high = info.gt if info.ge is None else info.ge, info.lt if info.le is None else info.le
    width = count * (info.multiple_of or 1)
    if low is None:
        low = min(0, high - width) if high is not None else 0
    return low, low + width if high is None else high


def integers(info: inspect.IntType, count: int = _WIDTH) -> range:
    """All of them; where there is no limit, at least so many."""
    step = int(info.multiple_of or 1)
    low, high = ends(info, count + 1)
    first = math.floor(low) + 1 if low == info.gt else math.ceil(low)
    last = math.ceil(high) - 1 if high == info.lt else math.floor(high)
    return range(-(-first // step) * step, last + 1, step)


def multiples(info: inspect.FloatType) -> list[float]:
    """Some of them, of a type with a step: as msgspec reckons, few decimal fractions are multiples of another."""
    step = info.multiple_of or 1.0
    low, high = ends(info)
    first, last = math.ceil(low / step), math.floor(high / step)
    found = (number * step for number in range(first, min(last, first + _MULTIPLES) + 1))
    return [multiple for multiple in found if allows(info, multiple)]


def allows(info: Number, *numbers: float) -> bool:
    """Whether it takes all of these."""
    return all(
        (info.gt is None or number > info.gt)
        and (info.ge is None or number >= info.ge)
        and (info.lt is None or number < info.lt)
        and (info.le is None or number <= info.le)
        and (info.multiple_of is None or math.fmod(number, info.multiple_of) == 0)
        for number in numbers
    )


def limits(info: Number) -> str:
    """Its constraints, to be read."""
    names = ("gt", "ge", "lt", "le", "multiple_of")
    return ", ".join(f"{name}={value:g}" for name in names if (value := getattr(info, name)) is not None)
