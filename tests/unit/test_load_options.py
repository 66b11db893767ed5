"""Options of `load`: what goes together, and what schedule and payload follow from them."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from supervisor import cli, load
from supervisor.load_command import _command_line
from supervisor.load_options import LoadOptions, contents, schedule
from supervisor.load_refused import LoadRefused
from supervisor.schedule import Pieces, Ramp, Recorded, Steady, Unlimited
from workers.errors import ConfigInvalid, ExitCode
from workers.settings import Settings


def options(**how: Any) -> LoadOptions:
    return LoadOptions(topic="in", **how)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"profile": "ramp"}, "needs --rate"),
        ({"rate": 1.0, "low": 1.0}, "--from is for"),
        ({"kind": "a:B", "file": Path("x")}, "exclude each other"),
        ({"key": "k"}, "--key is for"),
        ({"speed": 2.0}, "are for --file"),
        ({"file": Path("x"), "speed": 2.0}, "needs --time"),
        ({"file": Path("x"), "time": "t", "rate": 1.0}, "exclude each other"),
        ({"file": Path("x"), "processes": 2}, "one process"),
        ({"devices": 2, "processes": 3}, "--devices"),
        ({"zipf": 1.1, "processes": 8}, "5 --processes at most"),
        ({"late": 0.6, "malformed": 0.6}, "more than 1 together"),
        ({"verify": "in"}, "not the one that is loaded"),
        ({"exactly_once": True}, "needs --verify"),
        ({"find_capacity": True}, "--verify OUTPUT or --status URL"),
        ({"find_capacity": True, "verify": "out", "count": 5}, "chooses rate and time itself"),
        ({"target": 5.0}, "for --find-capacity"),
        ({"find_capacity": True, "status": ("x",), "slo": 5.0}, "--slo needs --verify"),
        ({"rate": 5.0, "profile": "burst", "burst": 10.0}, "shorter than --every"),
        ({"find_capacity": True, "verify": "out", "expect": "some"}, "needs --status or --slo"),
        ({"report": Path("/no/such/place/x.html")}, "no such directory"),
        ({"file": Path("x"), "hot": 0.5}, "--hot is for readings"),
        ({"kind": "a:B", "hot": 0.5}, "--hot is for readings"),
        ({"file": Path("x"), "devices": 5}, "--devices is for what is drawn"),
        ({"file": Path("x"), "zipf": 1.1}, "--zipf is for what is drawn"),
        ({"file": Path("x"), "size": 500}, "--size is for what is drawn"),
        ({"rate": 5.0, "every": 3.0}, "--every is for --profile"),
        ({"rate": 5.0, "burst": 3.0}, "--burst is for --profile burst"),
        ({"rate": 5.0, "profile": "ramp", "steps": 3}, "--steps is for --profile step"),
        ({"oversized_bytes": 5}, "--oversized-bytes is for --oversized"),
        ({"late_by": 5.0}, "--late-by is for --late"),
        ({"expect": "all"}, "--expect is for --verify"),
        ({"wait": 5.0}, "--wait is for --verify"),
        ({"hold": 5.0}, "--hold is for --find-capacity"),
    ],
)
def test_what_does_not_go_together_is_refused(how: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigInvalid, match=says):
        options(**how)


def test_each_profile_is_its_schedule() -> None:
    assert schedule(options(), None) == Unlimited()
    assert schedule(options(rate=5.0), None) == Steady(5.0)
    assert schedule(options(rate=5.0, profile="ramp", duration=20.0), None) == Ramp(0.0, 5.0, 20.0)
    assert isinstance(schedule(options(rate=50.0, profile="burst"), None), Pieces)
    staircase = schedule(options(rate=50.0, profile="step", duration=50.0), None)
    assert [staircase.due(t) for t in (10, 20, 50)] == [100, 300, 1500]


def test_a_file_at_its_own_speed_sets_the_schedule(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('{"t": 10}\n{"t": 14}\n')
    how = options(file=path, time="t", speed=2.0)
    found = contents(how)
    assert found.lines == 2
    recorded = schedule(how, found.times)
    assert isinstance(recorded, Recorded)
    assert recorded.at(1) == 2.0


@pytest.mark.parametrize(
    ("how", "count"),
    [
        ({}, 2),
        ({"rate": 5.0}, 2),
        ({"duration": 9.0}, None),
        ({"count": 7}, 7),
        ({"find_capacity": True, "verify": "out"}, None),
        ({"time": "t"}, 2),
        ({"time": "t", "duration": 9.0}, None),
        ({"time": "t", "count": 7}, 7),
    ],
)
def test_a_file_is_sent_once_unless_more_is_asked_for(tmp_path: Path, how: dict[str, Any], count: int | None) -> None:
    path = tmp_path / "file"
    path.write_text('{"t": 1}\n{"t": 2}\n')
    asked = options(file=path, **how)
    assert load._work(Settings(), asked, contents(asked)).count == count


def test_readings_are_marked_only_to_be_verified() -> None:
    assert not contents(options()).marked
    verified = contents(options(verify="out"))
    assert verified.marked
    assert verified.plain


def test_what_bears_no_number_gets_headers_only_to_be_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("made_up")
    module.Kind = msgspec.defstruct("Kind", [("n", int)])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_up", module)
    assert contents(options(kind="made_up:Kind")).plain
    (message,) = contents(options(kind="made_up:Kind", verify="out")).payload(0, 1, 4).messages([3], [4])
    assert message["headers"] == [("load.seq", b"3"), ("load.sent_at", b"4")]


def test_whose_fields_tell_their_records_numbers_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('{"seq": 1}\n')
    module = ModuleType("made_up")
    module.Kind = msgspec.defstruct("Kind", [("seq", int)])  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_up", module)
    assert contents(options()).told
    assert not contents(options(file=path)).told
    assert contents(options(kind="made_up:Kind")).told
    assert not contents(options(kind="made_up:Kind", key="seq")).told


def test_what_cannot_be_oversized_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = ModuleType("made_up")
    module.Kind = msgspec.defstruct("Kind", [("n", int)], forbid_unknown_fields=True)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "made_up", module)
    path = tmp_path / "file"
    path.write_text("[1]\n")
    for how in ({"kind": "made_up:Kind"}, {"file": path}):
        contents(options(**how, late=0.1))
        with pytest.raises(LoadRefused, match="leave out --oversized"):
            contents(options(**how, oversized=0.1))


@pytest.mark.parametrize("name", ["nonsense", "no.such.module:Kind", "json:Nothing", "broken:Kind"])
def test_a_type_that_is_not_there_is_a_usage_error(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with pytest.raises(ConfigInvalid, match="--type"):
        contents(options(kind=name))


def test_the_command_line_reaches_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[LoadOptions] = []

    def run(_settings: object, given: LoadOptions, _command: str) -> ExitCode:
        calls.append(given)
        return ExitCode.OK

    monkeypatch.setattr(load, "run", run)
    arguments = "load in --bootstrap k:1 --rate 9 --profile burst --from 2 --late 0.1 --status a:1 --status b:2"
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments.split(), "--verify", "out", "--exactly-once"])
    assert ended.value.code == ExitCode.OK
    wanted = options(
        rate=9.0, profile="burst", low=2.0, late=0.1, status=("a:1", "b:2"), verify="out", exactly_once=True
    )
    assert calls == [wanted]


def test_a_password_on_the_command_line_is_not_shown() -> None:
    line = _command_line(["load", "in", "--set", "sasl.password=a=b", "--set=ssl.key.password=c", "--rate", "5"])
    assert line == "load in --set 'sasl.password=…' '--set=ssl.key.password=…' --rate 5"


@pytest.mark.parametrize("arguments", ["--rate 0", "--late 2", "--profile up", "--file nothing", "--exactly-once"])
def test_a_wrong_option_exits_with_2(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["load", "in", "--bootstrap", "127.0.0.1:1", *arguments.split()])
    assert ended.value.code == ExitCode.USAGE
    assert "Error" in capsys.readouterr().err
