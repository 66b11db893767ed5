"""The Kafka clients that a worker makes, by what its app or its pool guarantees."""

from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest

from workers import App, kafka, worker
from workers.endings import Fenced, WorkerMustEnd
from workers.guarantee import GuaranteeName
from workers.librdkafka_properties import Value
from workers.protocol import Fork, Setup
from workers.settings import Settings
from workers.slot import SLOT_BYTES
from workers.watch import Watch


class Made(NamedTuple):
    """What the clients were told."""

    producer: dict[str, Any]
    consumer: dict[str, Any]


def make(monkeypatch: pytest.MonkeyPatch, app: App, **told: Any) -> Made:
    app.agent("in", value=bytes)(lambda _: None)
    producer, consumer = Mock(), Mock()
    monkeypatch.setattr(worker, "Producer", producer)
    monkeypatch.setattr(worker, "Consumer", consumer)
    monkeypatch.setattr(worker, "begin", lambda _sink, _consumer, start: start)
    words = memoryview(bytearray(SLOT_BYTES)).cast("q")
    setup = Setup("module:app", Settings(**told), "")
    worker._connect(app, setup, Fork(1, "in", 3, 7, 0, 1_000_000), words, Watch(Mock(), words))
    return Made(producer.call_args.args[0], consumer.call_args.args[0])


@pytest.mark.parametrize(
    ("app", "setting", "transactional"),
    [
        (App("group"), None, False),
        (App("group", guarantee="exactly_once"), None, True),
        (App("group", guarantee="exactly_once"), "at_least_once", False),
        (App("group", guarantee="at_least_once"), "exactly_once", True),
    ],
)
def test_the_app_says_what_is_guaranteed_and_the_setting_wins(
    monkeypatch: pytest.MonkeyPatch, app: App, setting: GuaranteeName | None, transactional: bool
) -> None:
    made = make(monkeypatch, app, guarantee=setting)
    assert made.producer.get("transactional.id") == ("group.in.3" if transactional else None)


def test_exactly_once_transactions_end_soon_and_only_what_is_committed_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    user = {"isolation.level": "read_uncommitted"}
    made = make(monkeypatch, App("group"), guarantee="exactly_once", kafka=user)
    assert made.producer["transaction.timeout.ms"] == 15_000
    assert made.consumer["isolation.level"] == "read_committed"


def test_at_least_once_what_is_read_is_the_users_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    user = {"isolation.level": "read_uncommitted"}
    assert make(monkeypatch, App("group"), kafka=user).consumer["isolation.level"] == "read_uncommitted"


def test_only_clients_whose_reports_are_taken_make_any() -> None:
    """Each would stay in memory until it is: the supervisor's would fill it within days."""
    user = {"statistics.interval.ms": 7000}
    for made in (kafka.admin(user), kafka.offset_reader(user, "group"), kafka.group_member(user, "group", {})):
        assert made["statistics.interval.ms"] == 0
    assert kafka.worker_consumer(user, "group", Mock())["statistics.interval.ms"] == 7000
    assert kafka.worker_producer({}, 1_000_000, Mock())["statistics.interval.ms"] == 5000


@pytest.mark.parametrize("ending", [Fenced("somebody was quicker"), ValueError("a setting")])
def test_what_has_started_is_stopped_also_where_the_worker_ends_before_it_reads(
    monkeypatch: pytest.MonkeyPatch, ending: Exception
) -> None:
    app, steps, channel = App("group"), list[str](), Mock()
    app.on_start(lambda: steps.append("started"))
    app.on_stop(lambda: steps.append(f"stopped, {channel.send.call_count} told"))
    monkeypatch.setattr(worker, "_connect", Mock(side_effect=ending))
    words = memoryview(bytearray(SLOT_BYTES)).cast("q")
    setup = Setup("module:app", Settings(), "")
    with pytest.raises(WorkerMustEnd):
        worker._work(app, setup, Fork(1, "in", 3, 7, 0, 1_000_000), words, channel)
    assert steps == ["started", "stopped, 1 told"]


_OTHERS = {"logger", "error_cb", "stats_cb", "on_commit", "group.id", "transactional.id", "message.max.bytes"}
"""Of which no text can tell, or which follow from the app and its topics."""


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_what_is_told_of_the_pools_own_properties_is_what_its_clients_get(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user: dict[str, Value] = {"group.protocol": protocol, "linger.ms": 3.0}
    settings = Settings(guarantee="exactly_once", kafka=user)
    made = make(monkeypatch, App("group"), guarantee="exactly_once", kafka=user)
    clients = {
        "the supervisor's consumer": kafka.group_member(settings.client("supervisor"), "group", {}),
        "the supervisor's reader of committed offsets": kafka.offset_reader(settings.client("consumer"), "group"),
        "the supervisor's admin client": kafka.admin(settings.client("admin")),
        "a worker's consumer": made.consumer,
        "a worker's producer": made.producer,
    }
    told = {name: {one.name: one.value for one in properties} for name, properties in kafka.own(settings)}
    common = told.pop("every client")
    assert told.keys() == clients.keys()
    for name, properties in clients.items():
        own = {key: value for key, value in properties.items() if key not in _OTHERS | user.keys()}
        mine = {key: value for key, value in told[name].items() if key not in _OTHERS}
        assert own == common | mine, name
