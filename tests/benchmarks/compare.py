"""How fast the pool is beside other systems: the same job, the same broker, in turn.

    python -m tests.benchmarks.compare [--records 4000000] [--runs 3] [--only quix] [--seconds 60] [--add]

The job: a JSON reading of some 70 bytes is decoded, one of twenty has an alert, which is produced. Each subject works
through a topic that is full beforehand, with a process or thread for each partition; a slow one gets fewer records.

A run is timed from its first alert to its last, by when the broker had them, so start-up and joining are left out for
all; of a JVM's run the first quarter of its alerts is left out as well, in which it compiles. CPU is that of the same
time; memory is the most that all processes together were seen to hold (PSS), the broker not counted. Every alert is
held against the readings: where one is missing, a run counts as failed; those that came again are told.

A run that takes longer than `--seconds` is stopped, and its rate is that of what it did. A peer that cannot be
installed stays in the table, with the reason, and its bound is not judged. The results, and a picture of them, are kept
in `--results`: by default where they are tracked, but those of a whole comparison only, with `--records`, `--runs`,
`--partitions`, `--only` and `--seconds` left alone. With `--add` the runs join those that are kept there, which have to
be of the same machine and versions. Exit code 1 where a run of the pool or of the hand-written loop failed, where the
pool is less far ahead of a peer than it has to be, or where an installed peer leaves that open.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.benchmarks.peer_run import Failed, run_peer
from tests.benchmarks.picture import picture
from tests.benchmarks.standings import HEAD, POOL, Measured, Standings, Subject, markdown
from tests.benchmarks.subjects import EVERY_PEER, NotInstalled, Peer
from tests.benchmarks.tables import console
from tests.benchmarks.throughput import Bench, Run, Wrong
from tests.support.broker import provide
from tests.support.process import exit_on_term

OWN: Final = (
    Subject("pool", "Partition Pool", "at least once"),
    Subject("pool-eos", "Partition Pool", "exactly once"),
    Subject("loop", "confluent-kafka, by hand", "none"),  # which looks at no delivery's failure
)
_MEASURE: Final = ("records", "runs", "partitions", "only", "seconds")
"""The options that say what a comparison is of."""
RESULTS: Final = Path(__file__).parent / "results"
WARM_RUNS: Final = 8
"""Before it counts: the broker's JVM compiles what transactions take, at the cost of all."""
JOIN_TOGETHER: Final = {"group.initial.rebalance.delay.ms": "3000"}
"""Kafka's default: all processes of a peer then get their partitions at once, and none begins with those of others."""
_console: Final = Console(stderr=True)


class Comparison:
    """Benches with as many records as each subject is to have, and what was measured on them.

    Args:
        bootstrap: the broker's address.
        options: see `options`.
        standings: where the runs are added.
        file: where that is kept, after each run; None: nowhere.
    """

    def __init__(self, bootstrap: str, options: argparse.Namespace, standings: Standings, file: Path | None) -> None:
        self._bootstrap = bootstrap
        self._options = options
        self._standings = standings
        self._file = file
        self._benches: dict[int, Bench] = {}

    def warm_up(self) -> None:
        for _ in range(WARM_RUNS):
            self._bench().pool("exactly_once")

    def turn(self, number: int, peers: list[Peer], own: list[str]) -> None:
        """Run each once; another one is first each time."""
        runs: Mapping[str, Callable[[], Run]] = {
            "pool": self._bench().pool,
            "pool-eos": partial(self._bench().pool, "exactly_once"),
            "loop": self._bench().handwritten,
        }
        todo = [(name, runs[name]) for name in own] + [(peer.name, partial(self._peer, peer)) for peer in peers]
        first = number % len(todo)
        for name, run in todo[first:] + todo[:first]:
            self._note(name, number, run)

    def _note(self, name: str, turn: int, run: Callable[[], Run]) -> None:
        try:
            found = Measured(name, turn, **run()._asdict())
        except (Failed, Wrong) as problem:
            found = Measured(name, turn, failure=str(problem))
        self._standings.runs.append(found)
        if self._file is not None:
            self._standings.write(self._file)
        said = found.failure or f"{found.rate:,.0f}/s, {found.cpu:.2f} CPU s per million, {found.memory:.0f} MiB"
        _console.print(f"{name}: {said}", highlight=False)

    def _peer(self, peer: Peer) -> Run:
        with TemporaryDirectory() as directory:
            return run_peer(self._bench(peer.share), peer, self._options.seconds, Path(directory))

    def _bench(self, share: float = 1.0) -> Bench:
        records = round(self._options.records * share)
        if records not in self._benches:
            self._benches[records] = Bench(self._bootstrap, records, self._options.partitions)
        return self._benches[records]


def install(peers: list[Peer], standings: Standings, turn: int) -> list[Peer]:
    """Those that can be run; why the others cannot goes to the table."""
    found = []
    for peer in peers:
        try:
            with _console.status(f"installing {peer.title}"):
                peer.runtime.install()
            found.append(peer)
        except NotInstalled as problem:
            standings.runs.append(Measured(peer.name, turn, failure=f"not installed: {problem}", installed=False))
            _console.print(f"{peer.name}: not installed: {problem}", highlight=False)
    return found


class Mixed(Exception):
    """Runs that are kept cannot be in one table with those of today; the text says why."""


def begin(file: Path, *, kept: bool) -> Standings:
    """New standings, with the runs of those that are kept.

    Raises:
        Mixed: these are of another machine, or of other versions.
    """
    subjects = [*OWN, *(Subject(peer.name, peer.full_title, peer.guarantee, peer.ahead) for peer in EVERY_PEER)]
    machine = f"{os.cpu_count()} cores ({platform.machine()}), broker beside it, Python {platform.python_version()}"
    new = Standings(f"{datetime.now(UTC):%Y-%m-%d}", machine, subjects, [])
    return joined(Standings.read(file), new) if kept and file.exists() else new


def joined(kept: Standings, new: Standings) -> Standings:
    """The new standings with the runs of those that are kept, and the days of both.

    Raises:
        Mixed: these are of another machine, or of other versions.
    """
    if kept.machine != new.machine:
        raise Mixed(f"what is kept is of {kept.machine}; here it is {new.machine}")
    titles = {subject.name: subject.title for subject in new.subjects}
    tried = {run.subject for run in kept.runs}
    for subject in kept.subjects:
        if subject.name in tried and titles.get(subject.name) != subject.title:
            raise Mixed(f"what is kept is of {subject.title}; now it is {titles.get(subject.name, 'no more')}")
    first = kept.date.partition(" ")[0]
    date = new.date if first == new.date else f"{first} to {new.date}"
    return Standings(date, new.machine, new.subjects, kept.runs)


def show(standings: Standings) -> None:
    """Print the table, for people and for a README."""
    rows = standings.rows()
    table = Table(*HEAD, title=f"medians · {standings.machine} · {standings.date}")
    for row in rows:
        table.add_row(*row.cells(), style="bold" if row.subject.name.startswith("pool") else "")
    out = console()
    out.print(table)
    out.print(markdown(rows), markup=False, soft_wrap=True)
    for line in (*standings.unjudged(), *standings.flaws()):
        out.print(line, markup=False, soft_wrap=True)


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for; `keep` tells whether the results are to be."""
    names = [subject.name for subject in OWN] + [peer.name for peer in EVERY_PEER]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=4_000_000, help="for the fastest; others get a share of them")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--only", action="append", choices=names, help="besides the pool; may be given again")
    parser.add_argument("--seconds", type=float, default=60.0, help="for one run of a peer, its start-up included")
    parser.add_argument(
        "--results",
        type=Path,
        metavar="DIR",
        help="where they are kept; by default over the tracked ones, and those of a part nowhere",
    )
    parser.add_argument("--add", action="store_true", help="to the runs that are kept there")
    parser.add_argument("--draw", action="store_true", help="run nothing: table and picture of what is kept")
    found = parser.parse_args(arguments)
    whole = all(getattr(found, name) == parser.get_default(name) for name in _MEASURE)
    found.keep = whole or found.add or found.draw or found.results is not None
    found.results = found.results or RESULTS
    return found


def main() -> int:
    exit_on_term()
    wanted = options()
    file = wanted.results / "peers.json"
    if wanted.draw:
        standings = Standings.read(file)
    else:
        try:
            standings = begin(file, kept=wanted.add)
        except Mixed as problem:
            _console.print(f"nothing was run: {problem}; leave --add out, or name other --results", highlight=False)
            return 1
        measure(wanted, standings, file if wanted.keep else None)
    if wanted.keep:
        (wanted.results / "peers.svg").write_text(picture(standings.rows(), f"{standings.machine} · {standings.date}"))
    else:
        _console.print("not kept, as this is no whole comparison; --results DIR keeps it", highlight=False)
    show(standings)
    return 1 if any(standings.flaws()) else 0


def measure(wanted: argparse.Namespace, standings: Standings, file: Path | None) -> None:
    first = 1 + max((run.turn for run in standings.runs), default=-1)
    peers = [peer for peer in EVERY_PEER if not wanted.only or peer.name in wanted.only]
    peers = install(peers, standings, first)
    # A pool runs in every turn in which something is held against it.
    needed = {POOL[peer.guarantee] for peer in peers} | set(wanted.only or [subject.name for subject in OWN]) | {"pool"}
    own = [subject.name for subject in OWN if subject.name in needed]
    with provide(JOIN_TOGETHER, lasting=True) as broker:
        comparison = Comparison(broker.bootstrap, wanted, standings, file)
        comparison.warm_up()
        for number in range(first, first + wanted.runs):
            comparison.turn(number, peers, own)


if __name__ == "__main__":
    sys.exit(main())
