"""`config` prints what is in force as the TOML that would set it, each line with its origin, without secrets."""

import tomllib
from pathlib import Path

from supervisor.config_command import show
from workers.config import load


def lines(flags: dict[str, object], environ: dict[str, str]) -> list[str]:
    return [" ".join(line.split()) for line in show(load(flags, environ, Path("/dev/null"))).splitlines()]


def test_each_line_tells_its_origin() -> None:
    shown = lines({"drain_timeout": "5"}, {"KAFKA_LINGER_MS": "2"})
    assert "drain_timeout = 5.0 # command line" in shown
    assert "worker_timeout = 60.0 # default" in shown
    assert "linger.ms = 2.0 # environment, KAFKA_LINGER_MS" in shown
    assert "# group is not set # default" in shown
    assert shown[0] == "# file: /dev/null"


def test_a_default_that_follows_from_others_is_told() -> None:
    assert "# lease is not set # default, 3 s here" in lines({"session.timeout.ms": "9000"}, {})


def test_secrets_are_redacted() -> None:
    environ = {"KAFKA_SASL_PASSWORD": "hunter2", "KAFKA_PRODUCER_SSL_KEY_PEM": "hunter2"}
    text = show(load({}, environ, Path("/dev/null")))
    assert "hunter2" not in text
    assert 'sasl.password = "<redacted>"' in text


def test_what_it_prints_can_be_read_again(tmp_path: Path) -> None:
    flags: dict[str, object] = {
        "app": "iot.alerts:app",
        "start": "2026-01-31T12:00:00Z",
        "http": "",
        "sasl.username": 'a "quoted" näme \\',
        "enable.idempotence": "true",
        "kafka.consumer.fetch.min.bytes": "3",
    }
    first = load(flags, {}, Path("/dev/null"))
    path = tmp_path / "pool.toml"
    path.write_text(show(first), encoding="utf-8")
    assert tomllib.loads(path.read_text(encoding="utf-8"))
    assert load({}, {}, path).settings == first.settings


def test_what_the_pool_sets_by_itself_is_told_in_comments_but_for_what_the_user_has_set() -> None:
    shown = lines({}, {"KAFKA_LINGER_MS": "2"})
    assert "# batch.num.messages = 500 # the pool's default" in shown
    assert "# enable.auto.commit = false # the pool's own" in shown
    assert "# transaction.timeout.ms = 15000 # the pool's default, exactly once" in shown
    assert not [line for line in shown if line.startswith("# linger.ms")]


def test_what_transactions_take_is_left_out_where_there_are_none() -> None:
    shown = lines({"guarantee": "at_least_once"}, {})
    assert not [line for line in shown if "transaction.timeout.ms" in line or "read_committed" in line]


def test_what_a_budget_decides_has_no_figure_yet() -> None:
    shown = lines({"memory_budget": "1G", "queued.min.messages": "5"}, {})
    assert "# queued.max.messages.kbytes # memory_budget" in shown
    assert "# max.partition.fetch.bytes # memory_budget" in shown
    assert [line for line in shown if "queued.min.messages" in line] == ["queued.min.messages = 5 # command line"]
