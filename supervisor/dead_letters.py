"""A dead-letter topic as a command finds it: where it begins and ends, whose it is, and what has been dealt with."""

from collections.abc import Iterator, Mapping
from typing import Final

from rich.console import Console

from supervisor.dead_brokers import DeadBrokers
from supervisor.dead_letter import Letter
from supervisor.dead_marks import Ledger
from supervisor.dead_progress import DeadProgress
from supervisor.dead_reader import DeadReader
from supervisor.dead_topic import find_topic
from workers.errors import ConfigInvalid
from workers.settings import Settings

_NO_GROUP: Final = "dead-letters"
"""The group that a consumer names which commits nothing."""


class DeadLetters:
    """The letters that there were when it was made.

    Args:
        settings: for the connection; they may name the app or group whose letters are meant.
        topic: the dead-letter topic, or an input topic.

    Raises:
        PoolError: the brokers do not answer, or there is no such topic.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self.brokers = DeadBrokers(settings)
        self.counts: Mapping[str, int] = self.brokers.topics()
        """The partition counts of the topics that are there."""
        self._found = find_topic(settings, topic, self.counts)
        self._settings = settings
        self.topic_id = self.brokers.topic_id(self.name)
        self.begins, self.ends = self.brokers.bounds(self.name, self._found.partitions)

    @property
    def name(self) -> str:
        """The dead-letter topic."""
        return self._found.name

    @property
    def group(self) -> str | None:
        """The consumer group whose letters are meant; None where the settings name none: everybody's."""
        return self._found.group

    def owner(self) -> str | None:
        """The group whose letters are meant; where the settings name none, the only one that has any; None for none.

        Raises:
            ConfigInvalid: several have.
        """
        if self.group is not None:
            return self.group
        groups = sorted({letter.group for letters in self.read() for letter in letters if letter.group})
        if len(groups) > 1:
            raise ConfigInvalid(f"{self.name} has letters of {', '.join(groups)}: say whose with --group NAME")
        return groups[0] if groups else None

    def ledger(self) -> Ledger:
        """What has been dealt with by now."""
        return self.brokers.ledger(self.name, self.topic_id, self._found.partitions)

    def reader(self, group: str = _NO_GROUP, starts: Mapping[int, int] | None = None) -> DeadReader:
        """A reader to the end.

        Args:
            group: whose metadata it gives.
            starts: the first offset to read, by partition; where it has none, the first that there is.
        """
        known = starts or {}
        begins = {number: max(begin, known.get(number, 0)) for number, begin in self.begins.items()}
        return DeadReader(self._settings, self.name, group, begins, self.ends)

    def read(self) -> Iterator[list[Letter]]:
        """All letters, a few at a time, while the progress is shown.

        Raises:
            BrokersRefused: they cannot be read.
        """
        total = sum(self.ends[number] - begin for number, begin in self.begins.items())
        with self.reader() as reader, DeadProgress(Console(stderr=True), f"reading {self.name}", total) as progress:
            for letters in reader.read():
                yield letters
                progress.show(sum(reader.positions[number] - begin for number, begin in self.begins.items()))
