"""The benchmark's own reckoning: what a run comes to, table and picture, and what processes take."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks.alerts import Verdict, judge
from tests.benchmarks.compare import OWN, Mixed, joined, options
from tests.benchmarks.footprint import Look, Watch, cpu_at, family, pss
from tests.benchmarks.latency import Cpu, Latencies, Seen, cells
from tests.benchmarks.picture import picture
from tests.benchmarks.standings import HEAD, Measured, Standings, Subject, markdown, short
from tests.benchmarks.subjects import EVERY_PEER, NotInstalled, Script, _run
from tests.benchmarks.throughput import Wrong
from tests.support.broker import RunningBroker

POOL = Subject("pool", "Partition Pool", "at least once")
EOS = Subject("pool-eos", "Partition Pool", "exactly once")
SLOW = Subject("slow", "Slow & Co 1.0", "at least once", ahead=12)


def standings(*runs: Measured, subjects: tuple[Subject, ...] = (POOL, SLOW)) -> Standings:
    return Standings("2026-01-31", "2 cores", list(subjects), list(runs))


def run(subject: str, turn: int, rate: float, *, records: int = 100, stopped: bool = False) -> Measured:
    return Measured(subject, turn, rate, cpu=2.0, memory=50.0, records=records, stopped=stopped)


def test_each_alert_is_held_against_its_reading() -> None:
    expected = Counter({("a", 51.0): 1, ("b", 52.0): 2, ("c", 53.0): 1})
    found = Counter({("a", 51.0): 3, ("b", 52.0): 1, ("x", 60.0): 2})
    assert judge(expected, found) == Verdict(missing=2, repeated=2, unfounded=2)
    assert judge(expected, expected) == Verdict(0, 0, 0)


def test_memory_is_the_sum_of_pss() -> None:
    rollup = "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss: 9000 kB\nPss:  2048 kB\nPss_Dirty: 1000 kB\nPss: 1024 kB\n"
    assert pss(rollup) == 3.0
    assert pss("") == 0.0


def test_a_family_has_all_generations() -> None:
    assert family([1], {2: 1, 3: 2, 4: 3, 9: 8, 8: 0}) == {1, 2, 3, 4}


def test_cpu_between_looks_lies_on_the_line() -> None:
    looks = [Look(10.0, 1.0), Look(11.0, 3.0), Look(12.0, 4.0)]
    assert cpu_at(9.0, looks) == 1.0
    assert cpu_at(10.5, looks) == 2.0
    assert cpu_at(11.5, looks) == 3.5
    assert cpu_at(99.0, looks) == 4.0


def test_a_process_that_ends_takes_no_cpu_back() -> None:
    looks = [Look(10.0, 1.0), Look(11.0, 3.0), Look(12.0, 0.5), Look(13.0, 3.5)]
    assert cpu_at(12.0, looks) == 3.0
    assert cpu_at(13.0, looks) == 3.5


def test_a_watch_sees_the_cpu_of_children_and_their_memory() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'sum(range(20_000_000)); input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        watch = Watch([process.pid])
        assert watch.until(lambda: watch.looks[-1].cpu > 0.2, 60)
        process.communicate(b"\n")
    assert watch.peak > 5.0
    assert watch.cpu(0.0, float("inf")) > 0.0


def test_a_watch_tells_when_it_was_not_done_in_time() -> None:
    assert not Watch([]).until(lambda: False, 0.05)


def test_the_pool_is_compared_within_a_turn() -> None:
    found = standings(
        run("pool", 0, 1000), run("slow", 0, 100), run("pool", 1, 500), run("slow", 1, 10), run("pool", 2, 600)
    ).rows()
    assert [row.subject.name for row in found] == ["pool", "slow"]
    assert found[0].rate == 600
    assert found[1].rate == 55
    assert found[1].times == 30  # 10 and 50; the medians' ratio would be 11
    assert not found[1].behind


def test_each_is_held_against_the_pool_of_its_guarantee() -> None:
    eos_peer = Subject("peer", "Peer", "exactly once", ahead=4)
    found = standings(
        run("pool", 0, 1000), run("pool-eos", 0, 300), run("peer", 0, 100), subjects=(POOL, EOS, eos_peer)
    ).rows()
    (row,) = (row for row in found if row.subject is eos_peer)
    assert row.times == 3
    assert row.behind


def test_a_run_of_its_own_that_failed_makes_the_comparison_fail() -> None:
    wrong = Measured("pool", 1, failure="of 5 alerts 1 are missing, 0 are unfounded")
    found = standings(run("pool", 0, 2000), run("slow", 0, 100), wrong, run("slow", 1, 100))
    assert list(found.flaws()) == [
        "failed: Partition Pool, at least once: 1 of 2 failed: of 5 alerts 1 are missing, 0 are unfounded"
    ]


def test_a_bound_that_is_not_judged_makes_it_fail_where_its_peer_was_run() -> None:
    bound = "12 times Slow & Co 1.0, at least once"
    failed = standings(Measured("pool", 0, failure="no"), run("slow", 0, 100))
    assert f"not judged, though it was run: {bound}" in failed.flaws()
    died = standings(run("pool", 0, 1000), Measured("slow", 0, failure="it ended without a word"))
    assert list(died.flaws()) == [f"not judged, though it was run: {bound}"]


def test_a_bound_whose_peer_cannot_be_installed_is_told_and_no_failure() -> None:
    found = standings(run("pool", 0, 1000), Measured("slow", 0, failure="not installed: pip", installed=False))
    assert list(found.flaws()) == []
    assert list(found.unjudged()) == ["not judged: 12 times Slow & Co 1.0, at least once; not installed: pip"]


def test_a_missed_bound_is_told() -> None:
    found = standings(run("pool", 0, 1000), run("slow", 0, 500))
    assert list(found.flaws()) == ["behind: 2.00 times Slow & Co 1.0; to be 12"]
    assert list(found.unjudged()) == []


def test_what_has_no_guarantee_is_held_against_the_pool_at_least_once() -> None:
    loop = Subject("loop", "By hand", "none")
    found = standings(run("pool", 0, 1000), run("loop", 0, 500), subjects=(POOL, EOS, loop)).rows()
    assert (found[1].name, found[1].times) == ("By hand, no guarantee", 2)
    assert {subject.guarantee for subject in OWN if subject.name == "loop"} == {"none"}


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ((), True),
        (("--only", "quix", "--runs", "1"), False),
        (("--runs", "1"), False),
        (("--records", "1000"), False),
        (("--runs", "1", "--add"), True),
        (("--runs", "1", "--results", "mine"), True),
        (("--draw",), True),
    ],
)
def test_a_part_of_the_comparison_leaves_what_is_kept_alone(arguments: tuple[str, ...], kept: bool) -> None:
    assert options(arguments).keep is kept


def test_runs_of_another_day_are_joined_under_both_dates() -> None:
    kept = standings(run("pool", 0, 1000))
    new = Standings("2026-02-01", kept.machine, kept.subjects, [])
    assert joined(kept, new).date == "2026-01-31 to 2026-02-01"
    assert joined(joined(kept, new), new).date == "2026-01-31 to 2026-02-01"
    assert joined(kept, standings()).date == "2026-01-31"
    assert joined(kept, new).runs == kept.runs


def test_runs_of_another_machine_or_version_are_not_joined() -> None:
    kept = standings(run("slow", 0, 100))
    with pytest.raises(Mixed, match="of 2 cores; here it is 3 cores"):
        joined(kept, Standings(kept.date, "3 cores", kept.subjects, []))
    newer = Subject("slow", "Slow & Co 2.0", "at least once")
    with pytest.raises(Mixed, match=r"of Slow & Co 1\.0; now it is Slow & Co 2\.0"):
        joined(kept, standings(subjects=(POOL, newer)))


def test_an_alert_counts_by_when_it_came_first_and_one_that_comes_again_is_counted() -> None:
    seen = Seen({1, 2})
    for seq, now in ((1, 10), (1, 20), (2, 30)):
        seen.add(seq, now)
    assert (seen.at, seen.repeated, seen.missing) == ({1: 10, 2: 30}, 1, 0)


def test_an_alert_of_a_reading_that_has_none_is_wrong() -> None:
    with pytest.raises(Wrong, match="the alert of reading 3 is unfounded"):
        Seen({1, 2}).add(3, 10)


def test_the_cpu_of_a_broker_that_somebody_else_has_started_is_not_known() -> None:
    own, other = Latencies([1.0], 0.5, 0.25), Latencies([1.0], 0.5, None)
    assert cells([own])[-2:] == ["0.50", "0.25"]
    assert cells([other])[-2:] == ["0.50", "-"]
    cpu = Cpu(RunningBroker("k:1"), os.getpid(), after=0, until=0)
    cpu.look()
    cpu.look()
    assert cpu.shares()[1] is None


def test_what_has_no_run_stays_in_the_table_with_its_reason() -> None:
    found = standings(run("pool", 0, 1000), Measured("slow", 0, failure="not installed: pip: no such thing"))
    text = markdown(found.rows())
    assert "| Slow & Co 1.0, at least once | - | - | - | - | - | not installed: pip: no such thing |" in text


def test_what_nobody_asked_for_is_in_no_table() -> None:
    assert [row.subject for row in standings(run("pool", 0, 1000)).rows()] == [POOL]


def test_failed_stopped_and_repeated_are_told() -> None:
    stopped = Measured("slow", 0, 10, records=40, repeated=7, stopped=True)
    found = standings(run("pool", 0, 1000), stopped, Measured("slow", 1, failure="3 are missing"))
    row = found.rows()[1]
    assert row.notes == "1 stopped before the end; 7 alerts came again; 1 of 2 failed: 3 are missing"


def test_what_a_warm_up_leaves_out_is_told() -> None:
    warm = Measured("slow", 0, 900, cold=400)
    row = standings(run("pool", 0, 1800), warm).rows()[1]
    assert row.times == 2
    assert row.notes == "cold, its first part counted: 400/s"


def test_markdown_has_a_line_for_each() -> None:
    lines = markdown(standings(run("pool", 0, 1234567, records=4_000_000), run("slow", 0, 100)).rows()).splitlines()
    assert len({line.replace(" | ", "|").count("|") for line in lines}) == 1
    assert lines[0].startswith("| | records/s |")
    assert "| Partition Pool, at least once | 1,234,567 | 1.00 | 2.00 | 50 | 1 of 4,000,000 | |" in lines
    assert len(lines) == 2 + 2
    assert len(HEAD) == len(standings(run("pool", 0, 1)).rows()[0].cells())


@pytest.mark.parametrize(("value", "text"), [(0.974, "0.97"), (3.456, "3.46"), (12.6, "13"), (1234.0, "1,234")])
def test_ratios_are_short(value: float, text: str) -> None:
    assert short(value) == text


def test_the_picture_has_a_bar_for_each_rate_on_one_scale() -> None:
    rows = standings(run("pool", 0, 1000), run("slow", 0, 250), Measured("gone", 0, failure="no")).rows()
    drawn = ET.fromstring(picture(rows, "2 cores & a broker"))
    bars = [float(bar.attrib["width"]) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")]
    assert len(bars) == 2
    assert bars[1] == pytest.approx(bars[0] / 4, abs=0.1)
    text = " ".join(drawn.itertext())
    assert "Slow & Co 1.0" in text
    assert "2 cores & a broker" in text
    assert "pool: 4.00 times" in text


def test_standings_are_what_was_written(tmp_path: Path) -> None:
    kept = standings(run("pool", 0, 1000), Measured("slow", 0, failure="no"))
    kept.write(tmp_path / "results" / "peers.json")
    assert Standings.read(tmp_path / "results" / "peers.json") == kept


def test_every_peer_pins_its_version() -> None:
    for peer in EVERY_PEER:
        assert peer.runtime.version()[0].isdigit()
    assert len({peer.name for peer in EVERY_PEER}) == len(EVERY_PEER)


def test_a_script_is_started_once_for_each_partition() -> None:
    script = Script("job", "package", ("-i", "{process}", "-a", "{addresses}"))
    commands = [[str(word) for word in command] for command in script.commands(2)]
    assert [command[2] for command in commands] == ["0", "1"]
    assert commands[0][4] == commands[1][4]
    assert commands[0][4].count(":") == 2
    assert str(Script("job", "package").commands(1)[0][1]).endswith("peers/job.py")


def test_an_installer_that_fails_says_why_in_a_line() -> None:
    with pytest.raises(NotInstalled, match=r"python.*: no such package$"):
        _run([sys.executable, "-c", "import sys; print('trying'); sys.exit('no such package')"])
