"""How many of the generator's records are sent, acknowledged and failed."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

UNSENT: Final = "UNSENT"
"""The failure of a record that was due and never handed to the producer."""


@dataclass(slots=True)
class Tally:
    """Counts of records; of what is neither acknowledged nor failed, nothing is known yet."""

    sent: int = 0
    """Records handed to the producer."""
    acknowledged: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Records that were not written, or whose fate is not known, by the error's name."""

    @property
    def failed(self) -> int:
        return self.failures.total()

    @property
    def outstanding(self) -> int:
        """Records that were sent, and of which nothing is known yet."""
        return self.sent - self.acknowledged - self.failed + self.failures[UNSENT]
