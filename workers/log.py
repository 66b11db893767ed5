"""Logs: structlog to standard error, one line an event, in JSON or, at a terminal, in colour.

All processes of a pool share one standard error, so a line is one `write`: lines of several processes do not mix.
What the standard library's `logging` gets, from a user's code or a package, goes the same way.
"""

import json
import logging
import os
import re
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, Protocol

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

STDERR: Final = 2
REPEAT_SECONDS: Final = 30.0
"""A client's complaint that comes again sooner than this is counted, not written."""

log = structlog.get_logger()


class LogFormat(StrEnum):
    """How a line looks: `AUTO` is `CONSOLE` at a terminal and `JSON` elsewhere."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


class StderrLines:
    """The last stage: one line, one `write` on file descriptor 2.

    A line that cannot be written is dropped: a closed pipe behind standard error must not end a worker.
    """

    def msg(self, line: str) -> None:
        data = line.encode("utf-8", "backslashreplace") + b"\n"
        try:
            while data:
                data = data[os.write(STDERR, data) :]
        except OSError:
            return

    debug = info = warning = error = critical = exception = msg


class LoggingBridge(logging.Handler):
    """Hands records of the standard library's `logging` to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            facts = {"exc_info": record.exc_info} if record.exc_info else {}
            log.log(_known_level(record.levelno), record.getMessage(), logger=record.name, **facts)
        except Exception:  # noqa: BLE001 - as every handler does: a bad log call is reported, never raised
            self.handleError(record)


_facts: dict[str, object] = {}


def configure(log_format: str = LogFormat.AUTO, level: str = "info", **facts: object) -> None:
    """Set up logging for this process; a forked child calls it again.

    Args:
        log_format: "auto", "json" or "console".
        level: the least level that is written: "debug", "info", "warning" or "error", in any case.
        facts: put into every line of this process, such as `group="alerts"`. The pid is put there anyway.

    Raises:
        ValueError: for an unknown format or level.
    """
    console = LogFormat(log_format) is LogFormat.CONSOLE or (log_format == LogFormat.AUTO and os.isatty(STDERR))
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None:
        raise ValueError(f"unknown log level {level!r}: one of debug, info, warning, error")
    _facts.clear()
    _facts.update(facts)
    structlog.configure(
        processors=_console_processors() if console else _json_processors(),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: StderrLines(),
        cache_logger_on_first_use=False,
    )
    _bridge_logging(threshold)


def add_facts(**facts: object) -> None:
    """Put more facts into every line of this process, beside those that `configure` was given."""
    _facts.update(facts)


def _bridge_logging(threshold: int) -> None:
    root = logging.getLogger()
    for handler in root.handlers:
        if not isinstance(handler, LoggingBridge):
            return  # the app has set up logging itself
    root.handlers = [LoggingBridge()]
    root.setLevel(threshold)


def _known_level(number: int) -> int:
    """The level at or below `number` for which structlog has a method."""
    return max(logging.DEBUG, min(logging.CRITICAL, number // 10 * 10))


def _json_processors() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _with_facts,
        _to_json,
    ]


def _console_processors() -> list[Processor]:
    colours = os.isatty(STDERR) and not os.environ.get("NO_COLOR")
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        structlog.processors.StackInfoRenderer(),
        _with_facts,
        # The plain formatter: the others print local variables, and with them records and secrets.
        structlog.dev.ConsoleRenderer(
            colors=colours, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _with_facts(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Order a line: when, how grave, what, which process; then the event's own facts."""
    head = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return {**head, "pid": os.getpid(), **_facts, **event}


def _to_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return json.dumps(event, default=_plain, ensure_ascii=False, skipkeys=True)


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


class ClientError(Protocol):
    """What `KafkaLog` needs of a `confluent_kafka.KafkaError`."""

    def name(self) -> str: ...
    def str(self) -> str: ...
    def fatal(self) -> bool: ...


class KafkaLog:
    """The log of one librdkafka client: its `logger` and its `error_cb`.

    While a broker is away librdkafka complains at every attempt to connect, from each client twice: as a log line and
    as an error. A complaint of one kind, whatever its numbers, is written once in `REPEAT_SECONDS`, with the count of
    those that were left out before it.

    Args:
        role: which client this is: "consumer", "producer", "supervisor", "admin".
        clock: seconds, monotonic.
    """

    MAX_KINDS: Final = 256

    def __init__(self, role: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = log.bind(client=role)
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}

    def log(self, level: int, template: str, *args: Any) -> None:
        """Take one log line from librdkafka; its facility, the client's name and the text are in `args`."""
        facility, _, text = args if len(args) == 3 else ("", "", template % args)
        # The library recovers from what it logs as an error; what it cannot recover from is fatal in `error_cb`.
        level = min(_known_level(level), logging.WARNING)
        self._once_in_a_while(level, "kafka_client_log", text, facility=facility)

    def error_cb(self, error: ClientError) -> None:
        """Take one error from librdkafka. Never raises: an exception here would surface in an unrelated `poll`."""
        if error.fatal():
            self._log.error("kafka_client_fatal", code=error.name(), message=error.str())
        else:
            self._once_in_a_while(logging.WARNING, "kafka_client_error", error.str(), code=error.name())

    def _once_in_a_while(self, level: int, event: str, text: str, **facts: object) -> None:
        kind = _kind(text)
        now = self._clock()
        written, left_out = self._kinds.get(kind, (-REPEAT_SECONDS, 0))
        if now - written < REPEAT_SECONDS:
            self._kinds[kind] = written, left_out + 1
            return
        if len(self._kinds) >= self.MAX_KINDS:
            self._kinds.clear()
        self._kinds[kind] = now, 0
        if left_out:
            facts["repeated"] = left_out
        self._log.log(level, event, message=text, **facts)


_THREAD = re.compile(r"^\[thrd:[^]]*\]: ")
_SUPPRESSED = re.compile(r" \(after .*\)$")
_NUMBERS = re.compile(r"\d+")


def _kind(text: str) -> str:
    """A complaint without what differs from one time to the next."""
    return _NUMBERS.sub("", _SUPPRESSED.sub("", _THREAD.sub("", text)))


def kafka_logger(role: str) -> KafkaLog:
    """What a librdkafka client's configuration gets: `{"logger": logs, "error_cb": logs.error_cb}`."""
    return KafkaLog(role)
