"""What a filter means in a dead-letter topic now: read through without changing anything."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from supervisor.dead_letter import Letter
from supervisor.dead_marks import Action, Ledger, Mark


@dataclass(slots=True)
class Scan:
    """The letters that a mark has still to deal with, counted.

    Args:
        mark: what is to be done with which letters.
        ledger: what is done already.
        counts: the partition counts of the topics that are there.
    """

    mark: Mark
    ledger: Ledger
    counts: Mapping[str, int]
    letters: int = 0
    bytes: int = 0
    dealt: int = 0
    """Letters that would have been meant, but for what became of them before."""
    errors: Counter[str] = field(default_factory=Counter)
    targets: Counter[str] = field(default_factory=Counter)
    obstacles: Counter[str] = field(default_factory=Counter)
    """Why letters that the filter means can never be replayed."""
    missing: Counter[str] = field(default_factory=Counter)
    """Topics and partitions that letters are to go to, and that are not there."""

    def add(self, letters: Iterable[Letter]) -> None:
        """Count what the mark means of these."""
        for letter in letters:
            if self.mark.filter.matches(letter):
                self._add(letter)

    def _add(self, letter: Letter) -> None:
        if self.ledger.dealt(letter, self.mark.to):
            self.dealt += 1
        elif not self.mark.takes(letter):
            self.obstacles[letter.obstacle or ""] += 1
        else:
            self.letters += 1
            self.bytes += letter.size
            self.errors[letter.error] += 1
            if self.mark.action is Action.REPLAY:
                self._add_target(letter)

    def _add_target(self, letter: Letter) -> None:
        parcel = letter.replay(self.mark.to)
        self.targets[parcel.topic] += 1
        if parcel.topic not in self.counts:
            self.missing[parcel.topic] += 1
        elif parcel.partition >= self.counts[parcel.topic]:
            self.missing[f"{parcel.topic}[{parcel.partition}]"] += 1
