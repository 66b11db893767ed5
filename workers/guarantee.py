"""What a pool promises over failures."""

from enum import StrEnum
from typing import Literal

GuaranteeName = Literal["at_least_once", "exactly_once"]


class Guarantee(StrEnum):
    AT_LEAST_ONCE = "at_least_once"
    """Nothing is lost; what was handled since the last acknowledged flush may be repeated after a crash."""
    EXACTLY_ONCE = "exactly_once"
    """Results, dead letters and offsets in one transaction: who reads committed records sees each result once."""
