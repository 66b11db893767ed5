"""The command line: every command is there with its help, an error becomes one line and its exit code."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor import __main__ as entry
from supervisor import cli, service
from supervisor.signals import release
from workers.errors import AppInvalid, ConfigInvalid, ExitCode, PoolError
from workers.settings import FIELDS, Settings


@pytest.fixture(autouse=True)
def _nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.delenv("POOL_APP", raising=False)


@pytest.fixture(autouse=True)
def _signals_released() -> Iterator[None]:
    """An entry holds signals back until its end, which here is not the process's: other tests need them."""
    yield
    release()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """With what settings the pool is served."""
    calls: list[Settings] = []

    def serve(settings: Settings) -> None:
        calls.append(settings)
        sys.exit(ExitCode.OK)

    monkeypatch.setattr(service, "serve", serve)
    return calls


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


COMMANDS = ("run", "config", "check", "load", "demo", "status", "offsets", "offsets show", "offsets reset")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help(command: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(*command.split(), option) == ExitCode.OK
    assert "Usage:" in capsys.readouterr().out


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ("demo", "offsets")])
def test_every_command_that_asks_brokers_takes_the_connections_options(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code(*command.split(), "--help")
    text = capsys.readouterr().out
    assert all(option in text for option in ("--bootstrap", "--config", "--set"))


def test_run_has_a_flag_for_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code("run", "--help")
    text = capsys.readouterr().out
    assert [name for name in FIELDS if name != "app" and f"--{name.replace('_', '-')} " not in text] == []


def test_what_a_flag_takes_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code("run", "--help")
    text = capsys.readouterr().out
    for flag in (
        "--max-memory BYTES",
        "--memory-budget BYTES",
        "--guard-share SHARE",
        "--lease SECONDS",
        "--max-records N",
        "--group NAME",
        "--http HOST:PORT",
    ):
        assert f"{flag} " in text


def test_help_of_load_has_the_options_in_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code("load", "--help")
    text = capsys.readouterr().out
    places = [text.index(f" {option} ") for option in ("--rate", "--oversized", "--oversized-bytes", "--hold")]
    assert places == sorted(places)


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == ExitCode.OK
    assert capsys.readouterr().out.startswith("partition-pool, version ")


def test_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code("--help")
    text = " ".join(capsys.readouterr().out.split())
    for code in ExitCode:
        assert f"{code.value} " in text.partition("Exit codes:")[2]


def test_run_passes_what_the_command_line_says(served: list[Settings]) -> None:
    arguments = ("--bootstrap", "k:1", "--drain-timeout", "3", "--set", "linger.ms=7", "--set", "lease=2", "--http=")
    assert exit_code("run", "iot:app", *arguments) == ExitCode.OK
    (settings,) = served
    assert (settings.app, settings.drain_timeout, settings.lease, settings.http) == ("iot:app", 3.0, 2.0, "")
    assert settings.kafka == {"bootstrap.servers": "k:1", "linger.ms": 7.0}


@pytest.mark.parametrize("arguments", [(), ("--drain-timeout", "3"), ("--bootstrap", "k:1")])
def test_without_a_command_it_runs_what_the_settings_name(
    arguments: tuple[str, ...], served: list[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOL_APP", "iot:app")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "k:1")
    assert exit_code(*arguments) == ExitCode.OK
    assert [settings.app for settings in served] == ["iot:app"]


def test_without_an_app_it_says_how_to_name_one(served: list[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--bootstrap", "k:1") == ExitCode.USAGE
    assert capsys.readouterr().err == (
        "Error: there is no app to run: give MODULE:APP, or POOL_APP in the environment, or app in pool.toml\n"
    )
    assert served == []


def test_without_brokers_it_says_how_to_name_them(served: list[Settings], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("run", "iot:app") == ExitCode.USAGE
    assert "bootstrap.servers is not set: give --bootstrap HOST:PORT" in capsys.readouterr().err
    assert served == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("run", "a:b", "--set", "linger.ms"), "'linger.ms' is not of the form NAME=VALUE"),
        (("run", "a:b", "--drain-timeout", "soon"), "drain_timeout = 'soon' (command line): must be seconds from"),
        (("run", "a:b", "--set", "lingr.ms=1"), "did you mean linger.ms?"),
        (("rnu",), "Did you mean 'run'?"),
        (("run", "--config", "nowhere.toml"), "nowhere.toml: cannot be read"),
        (("offsets", "reset", "--group", "g", "--bootstrap", "k:1"), "Missing option '--to'"),
        (("status", "--http="), "give --url HOST:PORT"),
    ],
)
def test_a_mistake_is_told_and_exits_with_2(
    arguments: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*arguments) == ExitCode.USAGE
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigInvalid("x"), ExitCode.USAGE), (AppInvalid("x"), ExitCode.APP), (PoolError("x"), ExitCode.FAILED)],
)
def test_an_error_has_the_exit_code_of_its_kind(
    error: PoolError, code: ExitCode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def raises(_url: str, **_options: bool) -> ExitCode:
        raise error

    monkeypatch.setattr("supervisor.status_command.run", raises)
    assert exit_code("status") == code
    assert capsys.readouterr().err == "Error: x\n"


def test_an_app_that_is_not_there_exits_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("check", "no_such_module:app", "--bootstrap", "k:1") == ExitCode.APP
    assert "no_such_module" in capsys.readouterr().err


def test_beside_supervisord_it_refuses_to_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    theirs = tmp_path / "supervisord.py"
    theirs.touch()
    monkeypatch.setattr(entry, "_SUPERVISORD", theirs)
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert caught.value.code == ExitCode.USAGE
    assert "pip uninstall supervisor" in capsys.readouterr().err
