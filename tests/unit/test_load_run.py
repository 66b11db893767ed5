"""`load` as a user runs it, its processes and all, on librdkafka's mock cluster."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGSTOP, SIGTERM
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from supervisor import load_run
from supervisor.interrupt import Interrupt
from supervisor.latencies import Latencies
from supervisor.load_crew import Totals
from supervisor.load_run import LoadRun
from supervisor.load_verification import Expect, Verification
from supervisor.load_watch import PoolWatch
from tests.benchmarks.footprint import memory
from tests.support.pool import environment
from tests.support.process import children
from tests.support.wait import wait_for
from tests.unit.mock_cluster import mock_cluster

COUNT = 5000


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster("one", "two", "in", "out") as address:
        yield address


def begun(broker: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "supervisor", "load", *arguments, "--bootstrap", broker]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def load(broker: str, file: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run it to its end; its exit code, what it found, and what it printed."""
    process = begun(broker, *arguments, "--json", str(file))
    out, err = process.communicate(timeout=30)
    assert file.exists(), err
    return process.returncode, json.loads(file.read_bytes()), out


def values(broker: str, topic: str, count: int) -> list[dict[str, Any]]:
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "test", "log_level": 0})
    partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 10
    while len(found) < count and time.monotonic() < deadline:
        found += [json.loads(message.value() or b"") for message in consumer.consume(1000, 0.1)]
    consumer.close()
    return found


@pytest.mark.parametrize(("topic", "processes"), [("one", 1), ("two", 3)])
def test_numbers_have_no_gaps_whoever_sends_them(broker: str, tmp_path: Path, topic: str, processes: int) -> None:
    arguments = ["--count", str(COUNT), "--processes", str(processes), "--devices", "10"]
    started = time.monotonic()
    code, found, _ = load(broker, tmp_path / "found.json", topic, *arguments)
    assert (code, found["sent"], found["acknowledged"], found["failed"]) == (0, COUNT, COUNT, 0)
    records = values(broker, topic, COUNT)
    assert sorted(record["seq"] for record in records) == list(range(COUNT))
    assert len({record["device_id"] for record in records}) == 10
    assert time.monotonic() - started < 10  # no process waits to be killed


def test_a_schedule_is_kept(broker: str, tmp_path: Path) -> None:
    code, found, _ = load(broker, tmp_path / "found.json", "in", "--rate", "2000", "--duration", "1.5")
    assert (code, found["acknowledged"], found["behind"], found["sampled"]) == (0, 3000, 0, False)
    assert found["seconds"] == pytest.approx(1.5, abs=0.5)
    assert found["acknowledgement"]["count"] == 3000


def test_missing_results_are_found_and_the_page_is_written(broker: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    arguments = ["--count", "500", "--hot", "1", "--verify", "out", "--wait", "1", "--report", str(page)]
    code, found, text = load(broker, tmp_path / "found.json", "in", *arguments)
    assert (code, found["verified"]["records"], found["verified"]["missing"]) == (1, 500, 500)
    assert "A promise is broken" in text
    assert "A promise is broken" in page.read_text()


def test_settings_that_only_its_producer_does_not_take_are_a_usage_error(broker: str) -> None:
    process = begun(broker, "in", "--count", "1", "--set", "partitioner=foo")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert "librdkafka does not take the settings" in err
    assert "Traceback" not in err


class Repeating:
    """In place of a reader and of the clock: all results are there, and one comes again after three seconds."""

    error = None
    last_result = 0.0

    def __init__(self, verification: Verification) -> None:
        self._verification = verification
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def read(self, seconds: float) -> int:
        self.now += seconds
        if self.now >= 3.0 and not self._verification.repeated:
            self._verification.result(0, 0, 5)
            self.last_result = self.now
        return 0

    def find_end(self) -> None:
        pass

    def has_found_end(self) -> bool:
        return True

    def at_end(self) -> bool:
        return True


def test_a_repeat_that_comes_late_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    verification = Verification(Expect.ALL)
    verification.sent(0, 0, key=b"k", answerable=True, hot=False)
    verification.result(0, 0, 1)
    reader: Any = Repeating(verification)
    monkeypatch.setattr(load_run, "time", reader)
    idle(verification, reader).settle(5.0)
    assert verification.repeated == 1
    assert reader.now == pytest.approx(8.0, abs=0.2)


def idle(verification: Verification, reader: Any = None, interrupt: Any = None) -> LoadRun:
    """A load whose senders do nothing."""
    crew: Any = SimpleNamespace(listen=lambda _seconds: None, totals=Totals(), news=Latencies(), reach=1, moment=0.0)
    return LoadRun(crew, PoolWatch((), "in"), interrupt or Interrupt(), reader, verification, lambda _load: None)


def test_what_comes_right_after_a_sample_is_in_the_percentiles_and_in_the_next_sample() -> None:
    load = idle(Verification(Expect.ALL))
    load._sampled_at -= 2.0
    load.sample()
    load.crew.news.add(0.5)
    load.verification.latencies.add(0.7)
    load.recent = Latencies()
    load.sample(force=True)
    assert len(load.samples) == 1  # there is hardly any time in it
    assert (load.acknowledgement.count, load.end_to_end.count, load.recent.count) == (1, 1, 1)
    load._sampled_at -= 2.0
    load.sample()
    assert load.samples[1].acknowledgement.count == 1
    assert (load.acknowledgement.count, load.end_to_end.count, load.recent.count) == (1, 1, 1)


def test_all_processes_stop_where_one_can_send_no_more() -> None:
    told: list[str] = []
    load = idle(Verification(Expect.ALL))
    crew: Any = load.crew
    crew.stop = lambda: told.append("stop")
    crew.totals.fatal = "made up"
    for _ in range(3):
        load.heed()
    assert told == ["stop"]


def test_ctrl_c_twice_asks_no_broker_for_anything_and_nothing_is_verified() -> None:
    interrupt = SimpleNamespace(requested=True, impatient=True)
    reader = SimpleNamespace(error=None)  # it can do nothing
    idle(Verification(Expect.ALL), reader, interrupt).settle(30.0)
    assert "interrupted" in reader.error


def test_a_verification_that_is_cut_short_is_no_success(broker: str, tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    process = begun(broker, "in", "--rate", "500", "--hot", "0", "--verify", "out", "--json", str(file))
    assert process.stderr is not None
    process.stderr.readline()  # it goes
    process.send_signal(SIGINT)
    for line in process.stderr:
        if "waiting until no result" in line:
            break
    process.send_signal(SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "interrupted before they were read" in json.loads(file.read_bytes())["verified"]["error"]
    assert "Every promise was kept" not in out


def test_a_short_load_has_its_time_and_its_latencies(broker: str, tmp_path: Path) -> None:
    _, found, _ = load(broker, tmp_path / "found.json", "in", "--count", "1000")
    assert 0 < found["seconds"] < 2
    assert found["rate"] < 1_000_000
    assert found["acknowledgement"]["count"] == 1000


def test_ctrl_c_ends_it_with_its_summary(broker: str) -> None:
    process = begun(broker, "in", "--rate", "200")
    assert process.stderr is not None
    process.stderr.readline()  # it goes
    process.send_signal(SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "acknowledged" in out


STALLING = """
import time
from confluent_kafka import Producer
cluster = Producer({"bootstrap.servers": "in memory", "test.mock.num.brokers": 1, "log_level": 0})
(broker,) = cluster.list_topics("in", timeout=10).brokers.values()
print(f"{broker.host}:{broker.port}", flush=True)
time.sleep(60)
"""


@pytest.fixture
def stalling() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Brokers in a process that can be stopped, and their address."""
    with subprocess.Popen([sys.executable, "-c", STALLING], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_ctrl_c_twice_ends_it_though_no_broker_answers_and_its_queue_is_full(
    stalling: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    brokers, address = stalling
    file = tmp_path / "found.json"
    process = begun(address, "in", "--rate", "1000", "--oversized", "1", "--json", str(file))  # 900 MB a second
    assert process.stderr is not None
    process.stderr.readline()  # it goes
    brokers.send_signal(SIGSTOP)

    def full() -> bool:
        held = sum(map(memory, children(process.pid)))
        time.sleep(0.3)
        return held > 200 and sum(map(memory, children(process.pid))) - held < 1

    wait_for(full, 15, "a queue of a quarter of a gigabyte that grows no more")
    asked = time.monotonic()
    for number in (SIGTERM, SIGINT):
        process.send_signal(number)
        time.sleep(0.3)
    process.communicate(timeout=20)
    assert time.monotonic() - asked < 10
    assert process.returncode == 1
    found = json.loads(file.read_bytes())
    assert found["failures"]["UNSENT"] > 0
    assert found["sent"] - found["acknowledged"] < 300  # a quarter of a gigabyte


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "topic nowhere is not there: create it, or give --create PARTITIONS"),
        (["in", "--verify", "nowhere"], "topic nowhere is not there: name the topic that the app writes"),
        (["in", "--status", "127.0.0.1:1"], "no pool answered at 127.0.0.1:1"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_sent(broker: str, arguments: list[str], says: str) -> None:
    process = begun(broker, *arguments)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert says in err
    assert "Traceback" not in err
