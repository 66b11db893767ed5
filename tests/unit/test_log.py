"""Log lines: whole, ordered, one `write` each; a client's repeated complaint is said once in a while."""

import json
import logging
import os
from collections.abc import Iterator

import pytest
import structlog
from confluent_kafka import KafkaError

from workers.log import REPEAT_SECONDS, KafkaLog, StderrLines, add_facts, configure, kafka_logger

CONNECT = (
    "[thrd:127.0.0.1:{port}/bootstrap]: 127.0.0.1:{port}/bootstrap: Connect failed (after {ms}ms in state CONNECT)"
)


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Neither structlog's nor logging's configuration outlives a test."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def use_handlers(*handlers: logging.Handler) -> None:
    """Put pytest's own handlers, which are there by the time a test runs, out of the way."""
    logging.getLogger().handlers = list(handlers)


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def test_a_json_line_begins_with_when_what_and_who(capfd: pytest.CaptureFixture[str]) -> None:
    configure("json", "info", group="g")
    add_facts(topic="t", partition=3)
    structlog.get_logger().info("worker_died", signal="SIGKILL")
    (line,) = lines(capfd)
    assert list(line) == ["timestamp", "level", "event", "pid", "group", "topic", "partition", "signal"]
    assert line["pid"] == os.getpid()
    assert line["partition"] == 3
    assert line["level"] == "info"


def test_an_events_own_fact_wins_over_the_process(capfd: pytest.CaptureFixture[str]) -> None:
    configure("json", "info", topic="mine")
    structlog.get_logger().info("x", topic="other", pid=1)
    (line,) = lines(capfd)
    assert (line["topic"], line["pid"]) == ("other", 1)


def test_configuring_again_forgets_former_facts(capfd: pytest.CaptureFixture[str]) -> None:
    configure("json", "info", group="g")
    configure("json", "info")
    structlog.get_logger().info("x")
    assert "group" not in lines(capfd)[0]


def test_auto_is_json_without_a_terminal_and_levels_filter(capfd: pytest.CaptureFixture[str]) -> None:
    configure("auto", "Warning")
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(capfd)] == ["loud"]


def test_console_without_a_terminal_has_no_colours(capfd: pytest.CaptureFixture[str]) -> None:
    configure("console", "debug")
    structlog.get_logger().debug("worker_ready", partition=2)
    text = capfd.readouterr().err
    assert "worker_ready" in text
    assert "partition=2" in text
    assert "\x1b" not in text


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="log level 'loud'"):
        configure("json", "loud")
    with pytest.raises(ValueError, match="xml"):
        configure("xml", "info")


def test_odd_facts_do_not_break_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    structlog.get_logger().info(
        "x", raw=b"\xff\n", lone="\udc80", topics={"b", "a"}, error=ValueError("no"), text="é\n"
    )
    (line,) = lines(capfd)
    assert line["raw"] == "\\xff\n"
    assert line["lone"] == "\udc80"
    assert line["topics"] == ["a", "b"]
    assert line["error"] == "no"
    assert line["text"] == "é\n"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variables(log_format: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure(log_format, "info")
    parts = ["hunter", "2"]

    def fails() -> None:
        password = "".join(parts)
        raise RuntimeError(len(password))

    try:
        fails()
    except RuntimeError:
        structlog.get_logger().exception("handler_failed")
    text = capfd.readouterr().err
    assert "RuntimeError: 7" in text
    assert "hunter2" not in text


def test_standard_logging_goes_the_same_way(capfd: pytest.CaptureFixture[str]) -> None:
    use_handlers()
    configure("json", "info", group="g")
    logging.getLogger("urllib3").warning("retry %d", 2)
    logging.getLogger("urllib3").debug("quiet")
    logging.getLogger("odd").log(35, "between")
    first, second = lines(capfd)
    assert (first["event"], first["logger"], first["level"], first["group"]) == ("retry 2", "urllib3", "warning", "g")
    assert second["level"] == "warning"


def test_an_app_that_set_up_logging_keeps_it() -> None:
    own = logging.NullHandler()
    use_handlers(own)
    configure("json", "info")
    assert logging.getLogger().handlers == [own]


def test_configuring_twice_leaves_one_bridge(capfd: pytest.CaptureFixture[str]) -> None:
    use_handlers()
    configure("json", "info")
    configure("json", "info")
    logging.getLogger().warning("once")
    assert len(lines(capfd)) == 1


def test_a_line_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []

    def write(_fd: int, data: bytes) -> int:
        written.append(data)
        return len(data)

    monkeypatch.setattr(os, "write", write)
    StderrLines().msg("a line")
    assert written == [b"a line\n"]


def test_a_closed_standard_error_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_fd: int, _data: bytes) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(os, "write", broken)
    StderrLines().msg("lost")


def complain(client: KafkaLog, port: int = 9092, ms: int = 0) -> None:
    text = CONNECT.format(port=port, ms=ms)
    client.log(logging.ERROR, "%s [%s] %s", "FAIL", "rdkafka#consumer-1", text)


def test_a_repeated_complaint_is_counted_not_written(capfd: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    now = [0.0]
    client = KafkaLog("consumer", clock=lambda: now[0])
    complain(client)
    complain(client, port=9093, ms=12)
    now[0] = REPEAT_SECONDS - 0.1
    complain(client)
    now[0] = REPEAT_SECONDS
    complain(client)
    first, second = lines(capfd)
    assert first["event"] == "kafka_client_log"
    assert (first["client"], first["facility"], first["level"]) == ("consumer", "FAIL", "warning")
    assert "repeated" not in first
    assert second["repeated"] == 2


def test_an_error_that_was_logged_already_is_not_said_twice(capfd: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    client = kafka_logger("producer")
    complain(client)
    told = CONNECT.format(port=9092, ms=1).partition("]: ")[2]
    client.error_cb(KafkaError(KafkaError._TRANSPORT, told))
    client.error_cb(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    events = lines(capfd)
    assert [line["event"] for line in events] == ["kafka_client_log", "kafka_client_error"]
    assert events[1]["code"] == "_ALL_BROKERS_DOWN"


def test_a_fatal_error_is_always_written(capfd: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    client = kafka_logger("supervisor")
    for _ in range(2):
        client.error_cb(KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", True))
    assert [(line["event"], line["level"]) for line in lines(capfd)] == [("kafka_client_fatal", "error")] * 2


def test_kinds_do_not_pile_up(capfd: pytest.CaptureFixture[str]) -> None:
    configure("json", "info")
    client = kafka_logger("consumer")
    for i in range(KafkaLog.MAX_KINDS + 10):
        client.log(logging.INFO, "%s [%s] %s", "X", "c", "kind " + "x" * i)
    assert len(client._kinds) <= KafkaLog.MAX_KINDS
    assert len(lines(capfd)) == KafkaLog.MAX_KINDS + 10
