"""`plan` asks for what it lacks, and writes what `check --kustomize` then holds against the brokers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import ConsumerGroupDescription

from supervisor import cli, plan
from supervisor.check import Verdict, examine
from supervisor.figures import MIB
from supervisor.overlay import read
from tests.unit.test_check import KnownBrokers, group, topic
from workers.loading import declaration, load_app
from workers.settings import Settings

APP = "supervisor.demo_app:app"
DEMO = declaration(load_app(APP))

Plan = Callable[..., int]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "kustomization.yaml").touch()
    return tmp_path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "POOL_APP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(plan, "Brokers", lambda _settings: _brokers(6))

    def exit_code(*arguments: str) -> int:
        with pytest.raises(SystemExit) as caught:
            cli.main(["plan", *arguments])
        return int(caught.value.code or 0)

    return exit_code


class _Brokers(KnownBrokers):
    def group(self, name: str) -> ConsumerGroupDescription:
        assert name == DEMO.group
        found: ConsumerGroupDescription = group()
        return found


def _brokers(partitions: int) -> KnownBrokers:
    names = {"real-time-data": partitions, "alerts": 4, "real-time-data.iot-alerts.dead": partitions}
    return _Brokers({name: topic(count) for name, count in names.items()}, group())


def _problems(folder: Path, brokers: KnownBrokers) -> list[str]:
    found = examine(brokers, Settings(), DEMO, folder)
    return [f"{it.subject}: {it.text}" for it in found if it.verdict is Verdict.PROBLEM]


def test_it_prints_what_a_load_takes(run: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--rate", "600", "--partitions", "12", "--seconds-per-record", "0.005") == 0
    said = capsys.readouterr().out
    assert "the topic: 12 partitions, 600 records/s" in said
    assert "replicas  3, of 4 workers; 1 at the least, of 12; never above 12" in said


def test_the_brokers_tell_the_partitions_and_check_holds_them(run: Plan, folder: Path) -> None:
    assert run(APP, "--rate", "600", "--bootstrap", "k:1", "--kustomize", str(folder)) == 0
    numbers = read(folder)
    assert (numbers.topic, numbers.output, numbers.group) == ("real-time-data", "alerts", "iot-alerts")
    assert (numbers.partitions, numbers.max_workers) == (6, "6")
    assert int(numbers.memory_budget) < int(numbers.memory.removesuffix("Mi")) * MIB
    assert _problems(folder, _brokers(6)) == []
    (grown,) = _problems(folder, _brokers(8))
    assert "the partition count is 6 there, and 8 in truth; write it anew: plan" in grown


def test_check_holds_the_names_too(run: Plan, folder: Path) -> None:
    assert run(APP, "--rate", "1", "--partitions", "6", "--kustomize", str(folder)) == 0
    file = folder / "plan.json"
    document = json.loads(file.read_text())
    document["spec"] |= {"group": "others", "deadLetters": "dead"}
    file.write_text(json.dumps(document))
    assert [text.partition(" is ")[0].partition(": ")[2] for text in _problems(folder, _brokers(6))] == [
        "the group",
        "the dead-letter topic",
    ]
    document["spec"]["topic"] = "elsewhere"
    file.write_text(json.dumps(document))
    assert "the topic is elsewhere there, and real-time-data in truth" in str(_problems(folder, _brokers(6)))


MANY = """
from workers import App, Retry

app = App("many")

@app.agent("real-time-data", value=int, retries=Retry(delayed=["10s", "1m"]))
def one(value: int) -> None: ...

@app.agent("others", value=int)
def two(value: int) -> None: ...
"""


@pytest.mark.parametrize(
    ("partitions", "workers"), [((), 6 + 2 + 3), (("--partitions", "6"), 6 + 2 + 6)], ids=["asked for", "given"]
)
def test_pods_have_room_for_retry_topics_and_other_inputs(
    run: Plan,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    partitions: tuple[str, ...],
    workers: int,
) -> None:
    (tmp_path / "many.py").write_text(MANY)
    monkeypatch.syspath_prepend(str(tmp_path))
    brokers = KnownBrokers({"real-time-data": topic(6), "others": topic(3)}, group())
    monkeypatch.setattr(brokers, "group", lambda _name: group())
    monkeypatch.setattr(plan, "Brokers", lambda _settings: brokers)
    arguments = ("many:app", "--topic", "real-time-data", "--rate", "1", "--bootstrap", "k:1", *partitions)
    assert run(*arguments, "--kustomize", str(folder)) == 0
    assert f"6 partitions, 1 records/s, {workers - 6} besides" in capsys.readouterr().out
    assert read(folder).max_workers == str(workers)
    file = folder / "plan.json"
    file.write_text(file.read_text().replace(f'"maxWorkers": "{workers}"', '"maxWorkers": "6"'))
    found = examine(brokers, Settings(), declaration(load_app("many:app")), folder)
    assert any("max_workers is 6 there, and 11 or more" in finding.text for finding in found)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--rate", "1"], 2, "bootstrap.servers is not set"),
        (["--rate", "1", "--bootstrap", "k:1"], 2, "give --partitions N, or the app"),
        (["--rate", "1", "--partitions", "4", "--kustomize", "."], 2, "from the app: name it"),
        ([APP, "--rate", "1", "--partitions", "4", "--topic", "other"], 2, "which input of the app"),
        (["--rate", "1", "--partitions", "4", "--min-replicas", "5"], 2, "some pods would have none"),
        (["--rate", "1", "--partitions", "4", "--app-memory", "70"], 2, "must be 17 at the least"),
        (["--rate", "1e6", "--partitions", "1", "--seconds-per-record", "1"], 1, "or make the handler faster"),
        ([APP, "--rate", "1", "--partitions", "4", "--kustomize", "/nowhere"], 1, "/nowhere is no overlay"),
    ],
)
def test_what_is_wrong_is_told(
    run: Plan, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, told: str
) -> None:
    assert run(*arguments) == code
    assert told in capsys.readouterr().err
