"""The `dead` commands: which topic is meant, what may reach a terminal, how fast, and what is refused."""

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from supervisor import cli
from supervisor.dead_letter import Letter
from supervisor.dead_list import show
from supervisor.dead_pace import Pace
from supervisor.dead_progress import DeadProgress
from supervisor.dead_report import moment, printable, shorten
from supervisor.dead_topic import TopicUnknown, find_topic
from tests.unit.messages import message
from workers.errors import ConfigInvalid, ExitCode
from workers.settings import Settings

APP = """
from workers import App
app = App("group")
app.agent("in", value=bytes)(lambda value: None)
app.agent("named", value=bytes, dead_letter="shared")(lambda value: None)
app.agent("fatal", value=bytes, dead_letter=None)(lambda value: None)
"""
COUNTS = {"in": 4, "in.group.dead": 4, "in.other.dead": 2, "named": 1, "shared": 1, "fatal": 1}
COMMANDS = ("dead", "dead list", "dead show", "dead replay", "dead drop")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "dead_app.py").write_text(APP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "dead_app", raising=False)
    return "dead_app:app"


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("in", "in.group.dead"),
        ("named", "shared"),
        ("shared", "shared"),
        ("in.other.dead", "in.other.dead"),
        ("in.group.retry.10s", "in.group.dead"),
        ("named.group.retry.1m", "shared"),
        ("in.other.retry.10s", "in.other.dead"),
    ],
)
def test_an_input_topic_of_the_app_means_its_dead_letters(app: str, topic: str, name: str) -> None:
    found = find_topic(Settings(app=app), topic, COUNTS)
    assert (found.name, found.partitions, found.group) == (name, COUNTS[name], "group")


def test_an_input_topic_of_the_group_means_its_dead_letters() -> None:
    assert find_topic(Settings(group="other"), "in", COUNTS).name == "in.other.dead"
    assert find_topic(Settings(group="other"), "shared", COUNTS).name == "shared"
    assert find_topic(Settings(), "shared", COUNTS).group is None


@pytest.mark.parametrize("settings", [Settings(), Settings(group="other")])
def test_what_waits_in_a_retry_topic_is_never_taken_for_dead_letters(settings: Settings) -> None:
    counts = COUNTS | {"in.other.retry.10s": 1, "named.other.retry.1m": 1}
    assert find_topic(settings, "in.other.retry.10s", counts).name == "in.other.dead"
    with pytest.raises(TopicUnknown, match=r"there is no topic named\.other\.dead"):
        find_topic(settings, "named.other.retry.1m", counts)


def test_a_topic_that_is_not_there_or_has_no_letters_is_refused(app: str) -> None:
    with pytest.raises(TopicUnknown, match=r"there is no topic nowhere, .* --group NAME"):
        find_topic(Settings(), "nowhere", COUNTS)
    with pytest.raises(TopicUnknown, match="dead_letter=None"):
        find_topic(Settings(app=app), "fatal", COUNTS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([*command.split(), "--help"])
    assert caught.value.code == ExitCode.OK
    assert "Usage:" in capsys.readouterr().out


def test_each_exit_code_has_a_line_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    lines = capsys.readouterr().out.partition("Exit codes:\n")[2].splitlines()
    assert [int(line.split()[0]) for line in lines if line.strip()] == list(ExitCode)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--key", "\udcff"], "--key '\\udcff': is not UTF-8"),
        (["--text", "\udcff"], "--text '\\udcff': is not UTF-8"),
        (["--error", "\udcff"], "--error '\\udcff': is not UTF-8"),
        (["--partition", "99999999999999999999"], "is not in the range"),
        (["--rate", "nan"], "nan is not a finite number"),
        (["--rate", "1e-310"], "is not in the range"),
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["dead", "replay", "in", "--bootstrap", "k:1", *words])
    assert caught.value.code == ExitCode.USAGE
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("place", ["3", "3:", ":4", "a:1", "1:-2"])
def test_a_place_is_a_partition_and_an_offset(place: str) -> None:
    with pytest.raises(ConfigInvalid, match="must be PARTITION:OFFSET"):
        show(Settings(), "shared", place, raw=False)


def test_foreign_text_does_not_command_the_terminal() -> None:
    assert printable("a\x1b[2Jb\r\n\u202e") == "a\\x1b[2Jb\\r\\n\\u202e"
    assert printable("größe 37 °".encode()) == "größe 37 °"
    assert printable(b"\xff\x00") == "\\xff\\x00"
    assert printable(None) == "-"


def test_times_and_cuts() -> None:
    assert moment(1_767_225_600_123) == "2026-01-01 00:00:00.123"
    assert moment(0) == "-"
    assert moment(10**17) == "100000000000000000 ms"
    assert (shorten("abc", 3), shorten("abcd", 3)) == ("abc", "ab…")


def test_a_pace_holds_its_rate_and_does_not_make_up_for_a_stall() -> None:
    now = 0.0
    pace = Pace(10, clock=lambda: now)
    sent = []
    for step in range(1000):
        now = step / 100 if step < 300 else 60 + step / 100
        while pace.wait() <= 0:
            pace.sent()
            sent.append(now)
    assert len([at for at in sent if at < 3]) == pytest.approx(30, abs=1)
    assert len([at for at in sent if at >= 63]) == pytest.approx(71, abs=2)


def test_without_a_rate_there_is_nothing_to_wait_for() -> None:
    pace = Pace(None)
    pace.sent()
    assert pace.wait() == 0


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_a_bar_on_a_terminal_and_a_line_elsewhere(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisor.dead_progress._LINE_SECONDS", 0.0)
    out = io.StringIO()
    with DeadProgress(Console(file=out, force_terminal=terminal, width=100), "reading [x]", 2000) as progress:
        progress.show(1000)
    assert "reading [x]" in out.getvalue()
    assert ("1,000 of 2,000" in out.getvalue()) is not terminal


def test_a_letter_with_broken_headers_is_still_shown() -> None:
    headers = [("pool.origin.topic", b"in"), ("pool.origin.partition", b"x"), ("pool.failed_at", b"\xff")]
    one = Letter.of(message(b"v", headers=headers, timestamp=9))
    assert (one.origin, one.failed_at, one.obstacle) == (None, 9, "does not say where it came from")
