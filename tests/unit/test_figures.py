"""What the benchmarks reckon with: bounds, tables, and where a partition changed hands."""

import pytest

from tests.benchmarks import moves, partitions, tables, tuning
from tests.benchmarks.throughput import Run
from tests.support.readings import Handover, Kill, Results, Seen
from tests.support.rounds import Round
from workers import kafka
from workers.settings import Settings


def results(*seen: Seen) -> Results:
    found = Results([])
    found.seen = seen
    return found


def seen(partition: int, pid: int, seconds: float, seq: int = 0) -> Seen:
    return Seen(seq, "device-0", partition, pid, round(seconds * 1e9))


def test_a_bound_is_missed_from_its_limit_on() -> None:
    assert tables.Bound("p50 ms", 100, 100).missed
    assert not tables.Bound("p50 ms", 99.9, 100).missed
    assert tables.Bound("ratio", 1.59, 1.6, above=True).missed
    assert not tables.Bound("ratio", 1.6, 1.6, above=True).missed


def test_missed_bounds_are_told_and_are_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert tables.verdict([tables.Bound("p50 ms", 99, 100)]) == 0
    assert capsys.readouterr().out == ""
    assert tables.verdict([tables.Bound("p50 ms", 99, 100), tables.Bound("p99 ms", 1234.5, 300)]) == 1
    assert capsys.readouterr().out == "missed: p99 ms: 1,234, to be below 300\n"


def test_a_table_comes_as_markdown_too(capsys: pytest.CaptureFixture[str]) -> None:
    tables.show("medians", ("", "p50 ms"), [("at least once", "45")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3:] == ["| | p50 ms |", "| --- | --- |", "| at least once | 45 |"]


def test_a_handover_is_where_another_process_goes_on() -> None:
    found = results(seen(1, 11, 5.0), seen(0, 10, 1.0), seen(0, 20, 2.5), seen(0, 20, 3.0), seen(1, 11, 6.0))
    assert found.handovers() == [Handover(0, (10, 20), 1.0, 2.5)]


def test_handovers_are_in_the_order_of_time() -> None:
    found = results(seen(0, 10, 1.0), seen(0, 20, 9.0), seen(1, 10, 1.0), seen(1, 20, 4.0))
    assert [handover.partition for handover in found.handovers()] == [1, 0]


def test_a_recovery_is_from_the_kill_to_a_successors_record() -> None:
    found = results(seen(0, 10, 0.9), seen(0, 10, 1.001), seen(1, 10, 1.002), seen(0, 20, 1.05), seen(0, 20, 2.0))
    assert found.recovery(Kill(0, 10, 1.0)) == pytest.approx(0.05)


def test_gaps_are_of_joins_until_the_parting_and_of_leaves_after_it() -> None:
    one = Round(frozenset({2, 3}), began=10.0, parting=20.0, ended=30.0)
    moved = [Handover(0, (1, 2), 11.0, 11.5), Handover(0, (2, 1), 20.25, 20.5), Handover(1, (1, 2), 3.0, 3.5)]
    assert moves.gaps(moved, [one]) == moves.Gaps([0.5], [0.25])


def test_only_partitions_that_stayed_count_as_unmoved() -> None:
    found = results(seen(0, 10, 11.0), seen(0, 10, 19.0), seen(2, 10, 11.0), seen(2, 10, 11.25), seen(2, 10, 40.0))
    assert moves.longest_unmoved(found, [Round(frozenset({2}), 10.0, 20.0, 30.0)]) == 0.25


def test_events_are_at_their_timestamps() -> None:
    first, second = partitions.at(
        [{"timestamp": "2026-11-25T09:00:00.250000Z"}, {"timestamp": "2026-11-25T09:00:01.500000Z"}]
    )
    assert second - first == 1.25


@pytest.mark.parametrize("one", tuning.PROPERTIES, ids=lambda one: one.name)
def test_what_is_tuned_is_the_pools_to_set_and_its_default_is_among_the_values(one: tuning.Property) -> None:
    own = kafka.worker_consumer({}, "group", print) | kafka.worker_producer({}, 1_000_000, print)
    assert one.default in one.values
    assert str(own.get(one.name, one.default)) == one.default
    user = Settings(kafka={one.name: one.values[0]})
    assert one.name in user.client("consumer") | user.client("producer")


def test_medians_of_runs_make_a_line() -> None:
    taken = [tuning.Taken(Run(rate, 1.5, 200.0, 1000), stored) for rate, stored in ((10, 900), (30, 800), (20, 700))]
    assert tuning.backlog_cells(taken) == ["20", "1.50", "200", "0.8"]
    assert tuning.backlog_cells([tuning.Taken(Run(10, 1.5, 200.0, 1000), None)])[-1] == "-"
