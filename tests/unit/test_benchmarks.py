"""The benchmark's own reckoning: what a run comes to, table and picture, and what processes take."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks.alerts import Verdict, judge
from tests.benchmarks.footprint import Look, Watch, cpu_at, family, pss
from tests.benchmarks.picture import picture
from tests.benchmarks.standings import HEAD, Measured, Standings, Subject, markdown, short
from tests.benchmarks.subjects import EVERY_PEER, NotInstalled, Script, _run

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
