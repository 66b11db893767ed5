"""The crew of a load: all get ready before the clock starts, and whoever cannot is told of with its reason."""

import json
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from signal import SIGINT, SIGKILL
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from msgspec import Struct

from supervisor.load_crew import Crew
from supervisor.load_member import Work
from supervisor.load_orders import Answer, Begin, Order, Prepare, Progress, Ready, Refused, Stop
from supervisor.payload import SensorPayload
from supervisor.schedule import Steady
from tests.support.process import children
from tests.unit.mock_cluster import mock_cluster
from tests.unit.test_load_run import begun, load

LOADED_BY = os.getpid()
READY_SECONDS = 0.3
SLOW_SECONDS = 0.01


class Slow(Struct):
    """A type of which a sending process takes a second to draw values before it sends the first one."""

    seq: int
    sent_at: int

    def __post_init__(self) -> None:
        if os.getpid() != LOADED_BY:
            time.sleep(SLOW_SECONDS)


class Stuck(Struct):
    """A type of which a sending process never gets a value."""

    seq: int

    def __post_init__(self) -> None:
        if os.getpid() != LOADED_BY:
            print("preparing", file=sys.stderr, flush=True)
            time.sleep(60)


class Small(Struct):
    """A type that does not take the numbers of later records."""

    seq: int
    sent_at: int

    def __post_init__(self) -> None:
        if self.seq > 60:
            raise ValueError("too large")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster("in") as address:
        yield address


def of_type(kind: type) -> list[str]:
    return ["in", "--type", f"tests.unit.test_load_crew:{kind.__name__}"]


@pytest.mark.alone
def test_the_time_that_a_process_needs_to_get_ready_is_no_latency(broker: str, tmp_path: Path) -> None:
    code, found, _ = load(broker, tmp_path / "found.json", *of_type(Slow), "--rate", "10", "--count", "10")
    assert (code, found["acknowledged"], found["behind"]) == (0, 10, 0)
    assert found["acknowledgement"]["max"] < 500  # milliseconds
    assert found["seconds"] == pytest.approx(1.0, abs=0.5)


@pytest.mark.alone
def test_the_time_that_a_producer_needs_to_get_ready_is_no_latency(broker: str, tmp_path: Path) -> None:
    for _ in range(2):  # half of the producers find no broker at first
        code, found, _ = load(broker, tmp_path / "found.json", "in", "--rate", "500", "--count", "250")
        assert (code, found["acknowledged"]) == (0, 250)
        assert found["acknowledgement"]["p90"] < 100  # milliseconds


def test_ctrl_c_ends_it_though_a_process_does_not_get_ready(broker: str) -> None:
    process = begun(broker, *of_type(Stuck))
    assert process.stderr is not None
    assert process.stderr.readline() == "preparing\n"
    process.send_signal(SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "acknowledged" in out


def test_a_process_that_is_killed_while_it_gets_ready_is_told_of(broker: str) -> None:
    process = begun(broker, *of_type(Stuck), "--processes", "2")
    assert process.stderr is not None
    process.stderr.readline()
    os.kill(max(children(process.pid)), SIGKILL)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "was killed by SIGKILL: the kernel may have done so for want of memory" in out
    assert "Traceback" not in err


def test_what_is_known_is_told_where_a_process_is_killed_while_it_sends(broker: str, tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    process = begun(broker, "in", "--rate", "500", "--processes", "2", "--json", str(file))
    assert process.stderr is not None
    process.stderr.readline()  # it goes
    os.kill(max(children(process.pid)), SIGKILL)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "Nothing more could be sent" in out
    assert "Traceback" not in err
    found = json.loads(file.read_bytes())
    assert found["acknowledged"] > 0
    assert "was killed by SIGKILL" in found["fatal"]


def test_a_record_that_cannot_be_made_ends_it_with_the_reason(broker: str) -> None:
    process = begun(broker, *of_type(Small), "--rate", "1000", "--count", "100")
    out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "Nothing more could be sent. --type: no values of Small can be drawn: too large" in out
    assert "Traceback" not in err


@contextmanager
def crew_of(answer: Callable[[Order], Answer | None]) -> Iterator[tuple[Crew, list[tuple[float, Order]]]]:
    """A crew whose one member answers as it is told, from a thread, and what that was told when; None: it ends."""
    crew = Crew(Work({}, "in", lambda *_: SensorPayload(), True, Steady(10.0), None, None), 1)
    ours, theirs = Pipe()
    ended: Any = SimpleNamespace(join=lambda _seconds: None, exitcode=-int(SIGKILL))
    crew._members, crew._processes = [ours], [ended]
    told: list[tuple[float, Order]] = []
    thread = threading.Thread(target=serve, args=(theirs, answer, told))
    thread.start()
    try:
        yield crew, told
    finally:
        ours.close()
        thread.join()


def serve(orders: Connection, answer: Callable[[Order], Answer | None], told: list[tuple[float, Order]]) -> None:
    with orders, suppress(EOFError, OSError):
        while True:
            order = msgspec.msgpack.decode(orders.recv_bytes(), type=Order)
            told.append((time.monotonic(), order))
            if (said := answer(order)) is None:
                return
            orders.send_bytes(msgspec.msgpack.encode(said))


def begin(crew: Crew, rate: float | None = None, duration: float | None = None) -> None:
    """As a load does it."""
    crew.prepare(rate, duration)
    while not (crew.ready or crew.gone):
        crew.listen(0.05)
    crew.begin()


def ready_in_time(order: Order) -> Answer:
    if isinstance(order, Prepare):
        time.sleep(READY_SECONDS)
        return Ready()
    return Progress(7, 7, 7, {}, 0, 0.1, None, done=True, finished=True, buckets={}, longest=0.0)


def test_the_clock_starts_when_all_are_ready_each_time() -> None:
    with crew_of(ready_in_time) as (crew, told):
        for rate in (10.0, 20.0):
            asked = time.monotonic()
            begin(crew, rate, 5.0)
            assert crew.moment > asked + READY_SECONDS
            while not crew.totals.finished:
                crew.listen(1.0)
    orders = [order for _, order in told]
    assert [type(order) for order in orders] == [Prepare, Begin] * 2
    assert orders[2] == Prepare(7, 1, 20.0, 5.0)
    for moment, order in told:
        if isinstance(order, Begin):
            assert order.moment > moment  # told before it is due


def ready_too_late(order: Order) -> Answer:
    if isinstance(order, Prepare):
        time.sleep(1.0)
    return Ready()


def test_where_it_begins_before_all_are_ready_nothing_is_sent() -> None:
    with crew_of(ready_too_late) as (crew, told):
        crew.prepare()
        crew.begin()
        assert (crew.totals.finished, crew.totals.sent, crew.totals.elapsed) == (True, 0, 0.0)
        crew.stop()
        crew.listen(5.0)  # who is ready too late is passed over
        assert crew.totals.finished
    assert not [order for _, order in told if isinstance(order, Begin)]


def test_who_dies_when_all_is_done_takes_nothing_from_that_but_sends_no_more() -> None:
    with crew_of(lambda order: ready_in_time(order) if not isinstance(order, Stop) else None) as (crew, _):
        begin(crew)
        while not crew.totals.finished:
            crew.listen(1.0)
        crew.stop()
        while not crew.gone:
            crew.listen(1.0)
        assert (crew.totals.fatal, crew.totals.acknowledged) == (None, 7)
        begin(crew)
        assert crew.totals.finished
        assert "was killed by SIGKILL" in (crew.totals.fatal or "")


def test_who_cannot_get_ready_says_why() -> None:
    with crew_of(lambda _: Refused("made up")) as (crew, _):
        begin(crew)
        assert crew.totals.finished
        assert crew.totals.fatal == "sending process 0 has ended: made up"


def test_who_is_gone_is_told_of_by_listening_not_by_the_next_order() -> None:
    with crew_of(lambda _: None) as (crew, told):
        crew.stop()
        while not told:
            time.sleep(0.01)
        time.sleep(0.1)  # until its end of the pipe is closed
        for tell in (crew.stop, crew.abandon):
            tell()
        begin(crew)
        assert "sending process 0 was killed by SIGKILL" in (crew.totals.fatal or "")
    assert told[0][1] == Stop()


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (1, "has ended with exit code 1: see above for its error"),
        (None, "has ended with exit code None"),
        (-int(signal.SIGSEGV), "was ended by SIGSEGV$"),
        (-40, "was ended by signal 40$"),
    ],
)
def test_how_a_process_has_ended_is_told(code: int | None, says: str) -> None:
    with crew_of(lambda _: None) as (crew, _):
        crew._processes[0].exitcode = code  # type: ignore[misc]
        begin(crew)
        assert re.search(says, crew.totals.fatal or "")
