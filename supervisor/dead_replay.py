"""`dead replay`: sends the records in dead letters back to where they came from, each once."""

from typing import Final

from rich.console import Console

from supervisor.dead_filter import Filter
from supervisor.dead_letter import Letter
from supervisor.dead_letters import DeadLetters
from supervisor.dead_marks import Action, Ledger, Mark
from supervisor.dead_pace import Pace
from supervisor.dead_progress import DeadProgress
from supervisor.dead_report import say, tell_replay
from supervisor.dead_scan import Scan
from supervisor.dead_transactions import DeadTransactions
from supervisor.interrupt import Interrupt
from workers.errors import ConfigInvalid, ExitCode, PoolError
from workers.log import configure
from workers.settings import Settings

_RECORDS: Final = 500
_SECONDS: Final = 0.5
"""What one transaction holds at most. Readers of committed records wait for its end."""


class ReplayRefused(PoolError):
    """Some letters have nowhere to go; none is replayed."""


def run(
    settings: Settings, topic: str, filter_: Filter, *, to: str | None, rate: float | None, execute: bool
) -> ExitCode:
    """Send the letters that the filter means, and that are not dealt with yet, back as the records that they were.

    1. Take over from a run that goes on or was killed: it can commit nothing more.
    2. Ask what has been dealt with, by this filter or others.
    3. Count what is left, and where it goes; end here without `execute`.
    4. Replay in transactions that hold the records and how far this filter came.

    Args:
        settings: for the connection, and the app or group whose letters are meant.
        topic: the dead-letter topic, or an input topic.
        filter_: which letters.
        to: the topic to send them to; None: each to its own topic and partition.
        rate: records a second; None: as fast as it goes.
        execute: do it.

    Returns:
        FAILED where it was interrupted.

    Raises:
        ReplayRefused: letters have nowhere to go.
        PoolError: the brokers refused; what was committed before stays.
    """
    configure(level="error")
    letters = DeadLetters(settings, topic)
    owner = letters.owner()
    if owner is None:
        say(f"there is no dead letter in {letters.name}")
        return ExitCode.OK
    mark = _mark(letters, owner, filter_, to)
    transactions = DeadTransactions(settings.client("producer"), owner, mark)
    if execute:
        transactions.take_over()
    ledger = letters.ledger()
    scan = Scan(mark, ledger, letters.counts)
    for some in letters.read():
        scan.add(some)
    tell_replay(letters.name, scan)
    if scan.missing:
        raise ReplayRefused(_nowhere(scan))
    if not execute:
        say("nothing is sent yet: repeat it with --execute")
        return ExitCode.OK
    return _execute(Replay(letters, owner, mark, ledger, to=transactions, pace=Pace(rate)), scan.letters)


class Replay:
    """One run through a dead-letter topic.

    Args:
        letters: the topic.
        owner: the group whose letters are meant.
        mark: which letters, and where to.
        ledger: what is dealt with already.
        to: what is written to.
        pace: how fast.
    """

    def __init__(
        self, letters: DeadLetters, owner: str, mark: Mark, ledger: Ledger, *, to: DeadTransactions, pace: Pace
    ) -> None:
        self.replayed = 0
        """Records that are committed."""
        self.group = mark.group(owner)
        """The group that remembers how far this came."""
        self._mark = mark
        self._ledger = ledger
        self._transactions = to
        self._pace = pace
        self._positions = ledger.positions(mark)
        self._reader = letters.reader(self.group, self._positions)

    def run(self, interrupt: Interrupt, progress: DeadProgress) -> bool:
        """Replay to the end, or until somebody wants it to end; whether it came to the end.

        Raises:
            PoolError: what was committed before stays.
        """
        with self._reader as reader:
            for letters in reader.read():
                finished = all(self._pass(letter, interrupt) for letter in letters)
                if not finished or interrupt.requested or self._transactions.age > _SECONDS:
                    self._commit()
                progress.show(self.replayed)
                if not finished or interrupt.requested:
                    return False
            self._positions = reader.positions
            self._commit()
        return True

    def _pass(self, letter: Letter, interrupt: Interrupt) -> bool:
        """Send one letter's record if it is meant; False, and nothing is sent, where an interrupt came first."""
        if self._mark.takes(letter) and not self._ledger.dealt(letter, self._mark.to):
            while (wait := self._pace.wait()) > 0:
                if wait > _SECONDS and self._transactions.written:
                    self._commit()
                if interrupt.wait(wait):
                    return False
            self._transactions.write(letter.replay(self._mark.to))
            self._pace.sent()
        self._positions[letter.partition] = letter.offset + 1
        if self._transactions.written >= _RECORDS or self._transactions.age > _SECONDS:
            self._commit()
        return True

    def _commit(self) -> None:
        written = self._transactions.written
        self._transactions.commit(self._positions, self._reader.metadata())
        self.replayed += written


def _execute(replay: Replay, total: int) -> ExitCode:
    with Interrupt() as interrupt, DeadProgress(Console(stderr=True), "replaying", total) as progress:
        finished = replay.run(interrupt, progress)
    if not finished:
        say(f"interrupted: {replay.replayed:,} replayed, {total - replay.replayed:,} left; run it again to go on")
        return ExitCode.FAILED
    say(f"{replay.replayed:,} replayed; group {replay.group} remembers it")
    return ExitCode.OK


def _mark(letters: DeadLetters, owner: str, filter_: Filter, to: str | None) -> Mark:
    if to == "":
        raise ConfigInvalid("--to: an empty name is no topic; leave --to away for where each came from")
    if to == letters.name:
        raise ConfigInvalid(f"--to {to}: that is the dead-letter topic itself")
    meant = filter_.of_group(owner)
    return Mark(letters.name, letters.topic_id, Action.REPLAY, meant, to)


def _nowhere(scan: Scan) -> str:
    places = ", ".join(f"{place} ({count:,})" for place, count in sorted(scan.missing.items()))
    return (
        f"nothing is sent: letters would go to what is not there: {places}; create it, give --to TOPIC, leave them out"
        " with a filter, or drop them"
    )
