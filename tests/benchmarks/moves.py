"""For how long a partition that moves stands still: a second supervisor joins and leaves under a steady load.

    python -m tests.benchmarks.moves [--rounds 5] [--rate 2000] [--heartbeat SECONDS] [PROTOCOL …]

PROTOCOLs: classic (cooperative), consumer (KIP-848); both by default, in turn. There are four partitions, of which two
go to the second supervisor and come back when it ends. A gap is from the last record that the old worker has handled to
the new one's first, as their results tell. The heartbeat, which is when members hear of a rebalance, is Kafka's own
unless told: 3 s, and 5 s with KIP-848. Results are held against the records: none may be missing, repeated or out of
order in a key. Partitions that stay are told beside it: their longest time without a record. Exit 1 where one of these
was away for longer than half a second, or something is wrong with the results.
"""

import argparse
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from rich.console import Console

from tests.benchmarks.tables import Bound, show, verdict
from tests.support.broker import provide
from tests.support.pool import PROTOCOLS
from tests.support.process import exit_on_term
from tests.support.readings import Handover, Results
from tests.support.rounds import Round, join_and_leave
from tests.support.scene import Scene
from tests.support.topics import Topics

PARTITIONS: Final = 4
HEARTBEATS: Final = {"classic": 3.0, "consumer": 5.0}
"""Kafka's own, in seconds."""
SESSION_SECONDS: Final = 45
STANDSTILL_SECONDS: Final = 0.5
"""A partition that is not moved is without records for less, also where processes start on its two cores."""


class Gaps(NamedTuple):
    """Seconds, one for each partition that moved."""

    joins: Sequence[float]
    leaves: Sequence[float]


def gaps(handovers: Sequence[Handover], rounds: Sequence[Round]) -> Gaps:
    """For how long partitions stood still that a join moved, and those that a leave moved."""
    joins, leaves = [], []
    for handover in handovers:
        for one in rounds:
            if one.began <= handover.first < one.parting:
                joins.append(handover.first - handover.last)
            elif one.parting <= handover.first <= one.ended:
                leaves.append(handover.first - handover.last)
    return Gaps(joins, leaves)


def longest_unmoved(results: Results, rounds: Sequence[Round]) -> float:
    """The longest time without a record of a partition that stayed, in seconds."""
    return max(results.longest_gap(number, one.began, one.ended) for one in rounds for number in one.kept)


def measure(scene: Scene, protocol: str, heartbeat: float, rounds: int, rate: int) -> tuple[Gaps, float]:
    """Have a supervisor come and go; the gaps, and the longest of a partition that stayed."""
    env = environment(protocol, heartbeat)
    first = scene.pool(protocol=protocol, env=env).wait_running(PARTITIONS)
    with scene.stream(rate=rate) as stream:
        done = []
        for number in range(rounds):
            done.append(join_and_leave(first, lambda: scene.pool(protocol=protocol, env=env)))
            Console(stderr=True).print(f"{protocol}: {number + 1} of {rounds} rounds", highlight=False)
        stream.wait_sent(stream.sent + rate)  # so that the last one's first records are in hand
        sent = stream.stop()
    results = scene.wait_done()
    results.assert_exactly_once(sent)
    assert first.terminate() == 0
    found = gaps(results.handovers(), done)
    assert len(found.joins) == len(found.leaves) == 2 * rounds, f"moved: {found}"
    return found, longest_unmoved(results, done)


def environment(protocol: str, heartbeat: float) -> Mapping[str, str]:
    """What sets a supervisor's heartbeat; with KIP-848 the broker does, see `broker_settings`."""
    if protocol == "consumer":
        return {"POOL_LEASE": "15"}
    return {
        "KAFKA_SESSION_TIMEOUT_MS": str(SESSION_SECONDS * 1000),
        "KAFKA_HEARTBEAT_INTERVAL_MS": str(round(heartbeat * 1000)),
    }


def broker_settings(heartbeat: float) -> Mapping[str, str]:
    return {
        "group.consumer.session.timeout.ms": str(SESSION_SECONDS * 1000),
        "group.consumer.heartbeat.interval.ms": str(round(heartbeat * 1000)),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocols", nargs="*", default=PROTOCOLS, metavar="PROTOCOL")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--heartbeat", type=float, help="seconds, in place of Kafka's own")
    options = parser.parse_args()
    if unknown := set(options.protocols) - set(PROTOCOLS):
        parser.error(f"no protocol: {', '.join(unknown)}")
    exit_on_term()
    rows, bounds = [], []
    for protocol in options.protocols:
        heartbeat = options.heartbeat or HEARTBEATS[protocol]
        with provide(broker_settings(heartbeat)) as broker, TemporaryDirectory() as directory:
            topics = Topics(broker.bootstrap)
            with closing(Scene(topics, Path(directory), partitions=PARTITIONS)) as scene:
                found, unmoved = measure(scene, protocol, heartbeat, options.rounds, options.rate)
        times = [f"{of(times):.2f}" for times in found for of in (statistics.median, max)]
        rows.append((protocol, f"{heartbeat:g}", str(len(found.joins)), *times, f"{unmoved:.3f}"))
        bounds.append(Bound(f"{protocol}, a partition that stayed, s without a record", unmoved, STANDSTILL_SECONDS))
    head = ("", "heartbeat s", "moves each", "join: median s", "max", "leave: median s", "max", "unmoved: max s")
    show(f"a moved partition without records, {options.rate:,}/s, {PARTITIONS} partitions", head, rows)
    return verdict(bounds)


if __name__ == "__main__":
    sys.exit(main())
