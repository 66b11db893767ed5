"""`offsets` shows where a group stands, and moves it only when it is stopped and told to."""

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka.admin import ConsumerGroupDescription

from supervisor import offsets
from supervisor.brokers import Brokers, BrokersRefused, Edge, Moment
from supervisor.offsets import OffsetsKept, parse_target
from workers.errors import ConfigInvalid
from workers.records import TopicPartition
from workers.settings import Settings

GROUP = Settings(group="alerts-group")


class KnownBrokers(Brokers):
    """Two topics: `readings` with offsets 10 to 100, records from moment 1000 on one a unit; `other` is empty."""

    def __init__(self, committed: dict[TopicPartition, int], of_group: Any = None) -> None:
        self._committed, self._group = committed, of_group
        self.written: dict[TopicPartition, int] = {}

    def topics(self) -> dict[str, int]:
        return {"readings": 2, "other": 1}

    def committed(self, group: str, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        assert group == GROUP.group
        return {partition: self._committed[partition] for partition in partitions if partition in self._committed}

    def offsets(self, partitions: Any, where: Edge | Moment) -> dict[TopicPartition, int]:
        return {partition: self._offset(partition, where) for partition in partitions}

    def group(self, name: str) -> ConsumerGroupDescription:
        if self._group is None:
            raise BrokersRefused(f"{name} not found", "GROUP_ID_NOT_FOUND")
        return self._group  # type: ignore[no-any-return]  # a namespace in its place

    def commit(self, group: str, offsets: Any) -> None:
        assert group == GROUP.group
        self.written = dict(offsets)

    def _offset(self, partition: TopicPartition, where: Edge | Moment) -> int:
        begin, end = (10, 100) if partition.topic == "readings" else (0, 0)
        if isinstance(where, Moment):
            at = max(begin, begin + where.milliseconds - 1000)
            return at if at < end else -1
        return begin if where is Edge.EARLIEST else end


@pytest.fixture
def brokers(monkeypatch: pytest.MonkeyPatch) -> KnownBrokers:
    it = KnownBrokers({TopicPartition("readings", 0): 40, TopicPartition("gone", 0): 7})
    monkeypatch.setattr(offsets, "Brokers", lambda _settings: it)
    return it


def rows(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("earliest", Edge.EARLIEST),
        ("Latest", Edge.LATEST),
        ("42", 42),
        ("2026-01-31T12:00:00Z", Moment(1769860800000)),
        ("2026-01-31T12:00", Moment(1769860800000)),
        ("2026-01-31T13:00:00+01:00", Moment(1769860800000)),
    ],
)
def test_a_target_is_an_edge_a_time_or_an_offset(to: str, target: Edge | Moment | int) -> None:
    assert parse_target(to) == target


@pytest.mark.parametrize("to", ["soon", "-1", "1.5", ""])
def test_any_other_target_is_refused(to: str) -> None:
    with pytest.raises(ConfigInvalid, match="must be earliest, latest, a time such as"):
        parse_target(to)


def test_show_tells_lag_also_where_nothing_is_committed(
    brokers: KnownBrokers, capsys: pytest.CaptureFixture[str]
) -> None:
    offsets.show(GROUP, ())
    found = rows(capsys)
    assert ["readings", "0", "40", "10", "100", "60"] in found
    assert ["readings", "1", "-", "10", "100", "90"] in found
    assert not any(row[0] == "gone" for row in found)
    assert brokers.written == {}


def test_a_reset_is_dry_until_it_is_to_be_executed(brokers: KnownBrokers, capsys: pytest.CaptureFixture[str]) -> None:
    offsets.reset(GROUP, "earliest", (), (), execute=False)
    found = rows(capsys)
    assert ["readings", "0", "40", "10", "30", "again"] in found
    assert found[-1] == ["nothing", "is", "changed", "yet:", "repeat", "it", "with", "--execute"]
    assert brokers.written == {}
    offsets.reset(GROUP, "earliest", (), (), execute=True)
    assert brokers.written == {TopicPartition("readings", 0): 10, TopicPartition("readings", 1): 10}
    assert rows(capsys)[-1] == ["done"]


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("latest", 100),
        ("55", 55),
        ("1970-01-01T00:00:01.005Z", 15),
        ("1970-01-01T00:00:00Z", 10),
        ("2026-01-01", 100),
    ],
)
def test_a_reset_goes_to_the_target_and_behind_the_last_record_for_a_later_time(
    to: str, target: int, brokers: KnownBrokers
) -> None:
    offsets.reset(GROUP, to, (), (0,), execute=True)
    assert brokers.written == {TopicPartition("readings", 0): target}


@pytest.mark.parametrize("to", ["9", "101"])
def test_an_offset_that_a_partition_has_not_is_refused(to: str, brokers: KnownBrokers) -> None:
    with pytest.raises(OffsetsKept, match=rf"offset {to} is not there: readings\[0\] has 10 to 100"):
        offsets.reset(GROUP, to, (), (), execute=True)
    assert brokers.written == {}


@pytest.mark.parametrize("execute", [True, False])
def test_a_group_with_members_is_left_alone(execute: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    member = SimpleNamespace(client_id="pool", host="/10.0.0.9")
    it = KnownBrokers({TopicPartition("readings", 0): 40}, SimpleNamespace(members=[member]))
    monkeypatch.setattr(offsets, "Brokers", lambda _settings: it)
    with pytest.raises(OffsetsKept, match=r"group alerts-group is in use by pool at 10\.0\.0\.9"):
        offsets.reset(GROUP, "latest", (), (), execute=execute)
    assert it.written == {}


def test_a_partition_that_is_asked_for_and_not_there_is_refused(brokers: KnownBrokers) -> None:
    with pytest.raises(OffsetsKept, match="readings: no partition 7, 9; check --partition"):
        offsets.reset(GROUP, "latest", ("readings",), (0, 9, 7), execute=True)
    assert brokers.written == {}


def test_a_topic_that_is_asked_for_and_not_there_is_refused(brokers: KnownBrokers) -> None:
    with pytest.raises(OffsetsKept, match="there is no topic nope"):
        offsets.reset(GROUP, "latest", ("nope",), (), execute=True)
    assert brokers.written == {}


def test_a_topic_may_be_asked_for_before_anything_is_committed(brokers: KnownBrokers) -> None:
    offsets.reset(GROUP, "latest", ("other",), (), execute=True)
    assert brokers.written == {TopicPartition("other", 0): 0}


@pytest.mark.usefixtures("brokers")
def test_nothing_to_show_is_told() -> None:
    with pytest.raises(OffsetsKept, match="give MODULE:APP or --topic"):
        offsets.reset(GROUP, "latest", (), (7,), execute=True)


def test_without_a_group_it_asks_whose_offsets_are_meant() -> None:
    with pytest.raises(ConfigInvalid, match="whose offsets"):
        offsets.show(Settings(), ())


def test_a_refusal_says_whose_offsets_and_what_to_do(brokers: KnownBrokers, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_asked: object) -> None:
        raise BrokersRefused("Group authorization failed", "GROUP_AUTHORIZATION_FAILED")

    monkeypatch.setattr(brokers, "committed", refuse)
    with pytest.raises(
        OffsetsKept, match="offsets of group alerts-group: Group authorization failed; grant this client"
    ):
        offsets.show(GROUP, ())


def test_what_waits_for_another_attempt_is_shown_and_never_reset(
    brokers: KnownBrokers, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retry topic is not the app's input: to begin with `readings` anew is not to try again what failed there."""
    (tmp_path / "retrying_app.py").write_text(
        "from workers import App, Retry\n"
        "app = App('alerts-group', retries=Retry(delayed=['10s']))\n"
        "app.agent('readings', value=bytes)(lambda value: None)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(brokers, "topics", lambda: {"readings": 1, "readings.alerts-group.retry.10s": 1})
    settings = Settings(app="retrying_app:app")
    offsets.show(settings, ())
    assert {row[0] for row in rows(capsys)} >= {"readings", "readings.alerts-group.retry.10s"}
    offsets.reset(settings, "earliest", (), (), execute=True)
    assert brokers.written == {TopicPartition("readings", 0): 10}
