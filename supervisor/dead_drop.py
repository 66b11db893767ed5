"""`dead drop`: marks dead letters as dealt with, and deletes them where nothing below is still open."""

from collections.abc import Mapping
from typing import Final

from supervisor.brokers import BrokersRefused
from supervisor.dead_filter import Filter
from supervisor.dead_letters import DeadLetters
from supervisor.dead_marks import Action, Ledger, Mark
from supervisor.dead_report import say, tell_drop
from supervisor.dead_scan import Scan
from supervisor.dead_transactions import DeadTransactions
from workers.errors import ExitCode, PoolError
from workers.log import configure
from workers.settings import Settings

_DENIED: Final = "TOPIC_AUTHORIZATION_FAILED"


class LettersKept(PoolError):
    """The letters are marked as dealt with, and not deleted."""


def run(settings: Settings, topic: str, filter_: Filter, *, execute: bool) -> ExitCode:
    """Mark the letters that the filter means as dealt with, and delete each partition up to its first open letter.

    1. Take over from a replay that goes on: it can commit nothing more.
    2. Ask what has been dealt with, by whatever filter.
    3. Count what is left, and find the first open letter of each partition; end here without `execute`.
    4. Commit that this filter came to the end.
    5. Delete. What was replayed only to another topic is open; so is what another group has not dealt with.

    Killed at any point, it does the rest when run again.

    Args:
        settings: for the connection, and the app or group whose letters are meant.
        topic: the dead-letter topic, or an input topic.
        filter_: which letters.
        execute: do it.

    Raises:
        PoolError: the brokers refused.
    """
    configure(level="error")
    letters = DeadLetters(settings, topic)
    owner = letters.owner()
    if owner is None:
        say(f"there is no dead letter in {letters.name}")
        return ExitCode.OK
    mark = Mark(letters.name, letters.topic_id, Action.DROP, filter_.of_group(owner))
    transactions = DeadTransactions(settings.client("producer"), owner, mark)
    if execute:
        transactions.take_over()
    ledger = letters.ledger()
    scan = Scan(mark, ledger, letters.counts)
    deletable = _scan(letters, scan, ledger)
    tell_drop(letters.name, scan, sum(deletable[number] - letters.begins[number] for number in deletable))
    if not execute:
        say("nothing is changed yet: repeat it with --execute")
        return ExitCode.OK
    group = mark.group(owner)
    with letters.reader(group, letters.ends) as reader:
        transactions.commit(letters.ends, reader.metadata())
    _delete(letters, deletable)
    say(f"{scan.letters:,} dropped; group {group} remembers it")
    return ExitCode.OK


def _scan(letters: DeadLetters, scan: Scan, ledger: Ledger) -> dict[int, int]:
    """Count the letters; up to where each partition can be deleted, where there is something to delete."""
    first_open: dict[int, int] = {}
    for some in letters.read():
        scan.add(some)
        for letter in some:
            if not scan.mark.takes(letter) and not ledger.dealt(letter):
                first_open.setdefault(letter.partition, letter.offset)
    until = {number: first_open.get(number, end) for number, end in letters.ends.items()}
    return {number: offset for number, offset in until.items() if offset > letters.begins[number]}


def _delete(letters: DeadLetters, offsets: Mapping[int, int]) -> None:
    try:
        letters.brokers.delete_before(letters.name, offsets)
    except BrokersRefused as refused:
        cure = "grant this client Delete on the topic, or leave it to retention" if refused.code == _DENIED else ""
        raise LettersKept(
            f"the letters in {letters.name} are marked as dropped, but not deleted: {refused};"
            f" {cure or 'run it again to delete them'}"
        ) from refused
