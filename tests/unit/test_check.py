"""`check` finds what stands in a pool's way, and gives each problem a cure."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from confluent_kafka import ConsumerGroupState, Producer
from confluent_kafka.admin import AclOperation, ConsumerGroupDescription, TopicDescription

from supervisor import check
from supervisor.brokers import Brokers, BrokersRefused
from supervisor.check import Finding, Verdict, examine
from workers.errors import ConfigInvalid, ExitCode
from workers.guarantee import Guarantee, GuaranteeName
from workers.loading import AgentDeclaration, Declaration
from workers.settings import Settings
from workers.tiers import Tier

APP = Declaration("alerts-group", (AgentDeclaration("alert", "readings", "alerts", "readings.dead"),))
ALL = (AclOperation.READ, AclOperation.WRITE)


def topic(partitions: int = 4, *, rights: tuple[AclOperation, ...] = ALL, leaderless: tuple[int, ...] = ()) -> Any:
    numbers = range(partitions)
    parts = [SimpleNamespace(id=i, leader=None if i in leaderless else object()) for i in numbers]
    return SimpleNamespace(partitions=parts, authorized_operations=list(rights))


def group(
    state: ConsumerGroupState = ConsumerGroupState.EMPTY, *, members: int = 0, assignor: str = "", rights: Any = ALL
) -> Any:
    return SimpleNamespace(
        state=state, members=[object()] * members, partition_assignor=assignor, authorized_operations=list(rights)
    )


class KnownBrokers(Brokers):
    """Brokers that answer from memory; an error as an answer is raised."""

    def __init__(self, topics: dict[str, Any], of_group: Any, creating: Any = None, auto_create: str = "false") -> None:
        self.bootstrap = "k:1"
        self._topics, self._group, self._creating = topics, of_group, creating
        self._settings = {"auto.create.topics.enable": auto_create}
        self.asked_to_create: dict[str, int] = {}
        self.settings: dict[str, dict[str, str]] = {}

    def topics(self) -> dict[str, int]:
        return {name: len(found.partitions) for name, found in self._topics.items() if hasattr(found, "partitions")}

    def topic(self, name: str) -> TopicDescription:
        found: TopicDescription = _told(self._topics.get(name, BrokersRefused("unknown", "UNKNOWN_TOPIC_OR_PART")))
        return found

    def group(self, name: str) -> ConsumerGroupDescription:
        assert name == APP.group
        found: ConsumerGroupDescription = _told(self._group)
        return found

    def could_create(self, topic: str, partitions: int) -> None:
        self.asked_to_create[topic] = partitions
        _told(self._creating)

    def broker_setting(self, name: str) -> str | None:
        return self._settings[name]

    def topic_settings(self, topic: str) -> dict[str, str]:
        return self.settings.get(topic, {})


def _told(answer: Any) -> Any:
    if isinstance(answer, BrokersRefused):
        raise answer
    return answer


def findings(brokers: Brokers, settings: Settings | None = None, app: Declaration = APP) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(brokers, settings or Settings(), app)}


def problems(brokers: Brokers, settings: Settings | None = None) -> dict[str, str]:
    found = findings(brokers, settings)
    return {subject: finding.text for subject, finding in found.items() if finding.verdict is Verdict.PROBLEM}


WELL = {"readings": topic(), "alerts": topic(), "readings.dead": topic()}
INPUT, OUTPUT, DEAD = (
    "topic readings (input of alert)",
    "topic alerts (output of alert)",
    "topic readings.dead (dead letters of alert)",
)


def test_all_is_well() -> None:
    found = findings(KnownBrokers(WELL, group()))
    assert {finding.verdict for finding in found.values()} == {Verdict.OK}
    assert found["brokers"].text == "reachable at k:1"
    assert found[INPUT].text == "4 partitions"
    assert found["group alerts-group"].text == "empty, members: 0"


def test_a_missing_input_is_a_problem_unless_the_pool_is_to_create_it() -> None:
    brokers = KnownBrokers({**WELL} | {"readings": BrokersRefused("unknown", "UNKNOWN_TOPIC_OR_PART")}, group())
    assert "--create PARTITIONS" in problems(brokers)[INPUT]
    found = findings(brokers, Settings(create=3))[INPUT]
    assert found == Finding(Verdict.NOTE, INPUT, "is not there; the pool will create it with 3 partitions")


def test_a_missing_output_is_a_problem_unless_brokers_create_topics() -> None:
    topics = {name: it for name, it in WELL.items() if name != "alerts"}
    assert problems(KnownBrokers(topics, group()))[OUTPUT].endswith("kafka-topics.sh --create --topic alerts")
    assert findings(KnownBrokers(topics, group(), auto_create="true"))[OUTPUT].verdict is Verdict.NOTE


def test_a_missing_output_is_no_problem_where_the_pool_is_to_create_it() -> None:
    brokers = KnownBrokers({}, group())
    found = findings(brokers, Settings(create=3))
    assert found[OUTPUT] == Finding(Verdict.NOTE, OUTPUT, "is not there; the pool will create it with 3 partitions")
    assert Verdict.PROBLEM not in {finding.verdict for finding in found.values()}
    refused = BrokersRefused("Topic authorization failed", "TOPIC_AUTHORIZATION_FAILED")
    assert "or grant this client Create" in problems(KnownBrokers({}, group(), refused), Settings(create=3))[OUTPUT]


@pytest.mark.parametrize(
    ("app", "setting", "noted"),
    [
        (APP, None, False),
        (APP, "exactly_once", True),
        (msgspec.structs.replace(APP, guarantee=Guarantee.EXACTLY_ONCE), None, True),
        (msgspec.structs.replace(APP, guarantee=Guarantee.EXACTLY_ONCE), "at_least_once", False),
    ],
)
def test_the_right_that_cannot_be_asked_for_is_noted_where_it_is_needed(
    app: Declaration, setting: GuaranteeName | None, noted: bool
) -> None:
    found = findings(KnownBrokers(WELL, group()), Settings(guarantee=setting), app)
    note = found.get("transactional ids alerts-group.TOPIC.PARTITION")
    assert (note is not None) is noted
    if note is not None:
        assert note.verdict is Verdict.NOTE
        assert note.text.endswith("--operation Write --transactional-id alerts-group. --resource-pattern-type prefixed")


def test_missing_dead_letters_are_created_by_the_pool_where_it_may() -> None:
    topics = {name: it for name, it in WELL.items() if name != "readings.dead"}
    brokers = KnownBrokers(topics, group())
    note = findings(brokers)[DEAD]
    assert brokers.asked_to_create == {"readings.dead": 4}
    assert note == Finding(Verdict.NOTE, DEAD, "is not there; the pool will create it with 4 partitions")
    refused = BrokersRefused("Topic authorization failed", "TOPIC_AUTHORIZATION_FAILED")
    assert "or grant this client Create" in problems(KnownBrokers(topics, group(), creating=refused))[DEAD]


def test_rights_that_are_missing_are_named_with_the_command_that_grants_them() -> None:
    topics = {
        "readings": topic(rights=(AclOperation.DESCRIBE,)),
        "alerts": topic(rights=(AclOperation.READ,)),
        "readings.dead": BrokersRefused("Topic authorization failed", "TOPIC_AUTHORIZATION_FAILED"),
    }
    found = problems(KnownBrokers(topics, group(rights=(AclOperation.DESCRIBE,))))
    acl = "kafka-acls.sh --add --allow-principal User:NAME --operation"
    assert f"no right to read; grant it: {acl} Read --topic readings" in found[INPUT]
    assert f"no right to write; grant it: {acl} Write --topic alerts" in found[OUTPUT]
    assert f"Topic authorization failed; grant it: {acl} Write --topic readings.dead" in found[DEAD]
    assert f"no right to join; grant it: {acl} Read --group alerts-group" in found["group alerts-group"]


def test_a_partition_without_a_leader_is_a_problem() -> None:
    found = problems(KnownBrokers({**WELL, "readings": topic(leaderless=(1, 3))}, group()))
    assert found == {INPUT: "no leader for partition 1, 3; look after its brokers"}


@pytest.mark.parametrize(
    ("answer", "verdict", "text"),
    [
        (group(ConsumerGroupState.STABLE, members=2, assignor="cooperative-sticky"), Verdict.OK, "stable, members: 2"),
        (group(ConsumerGroupState.DEAD), Verdict.OK, "is new"),
        (BrokersRefused("not found", "GROUP_ID_NOT_FOUND"), Verdict.OK, "is new"),
        (BrokersRefused("not supported", "_UNSUPPORTED_FEATURE"), Verdict.NOTE, "these brokers do not tell"),
        (
            group(ConsumerGroupState.STABLE, members=1, assignor="range"),
            Verdict.PROBLEM,
            "its members (1) assign by range, which the pool cannot join; stop them first",
        ),
    ],
)
def test_the_groups_state_is_told(answer: Any, verdict: Verdict, text: str) -> None:
    found = findings(KnownBrokers(WELL, answer))["group alerts-group"]
    assert (found.verdict, found.text) == (verdict, text)


def test_a_cap_below_the_partitions_is_noted() -> None:
    found = findings(KnownBrokers(WELL, group()), Settings(max_workers=3))["max_workers"]
    assert (found.verdict, found.text.partition(":")[0]) == (Verdict.NOTE, "3 for 4 partitions")


def test_a_problem_makes_it_fail_and_a_note_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    topics = {name: it for name, it in WELL.items() if name != "readings.dead"}
    monkeypatch.setattr(check, "Brokers", lambda _settings: KnownBrokers(topics, group()))
    assert check.run(Settings(), APP) is ExitCode.OK
    assert f"note  {DEAD}: is not there" in capsys.readouterr().out
    monkeypatch.setattr(check, "Brokers", lambda _settings: KnownBrokers({}, group()))
    assert check.run(Settings(), APP) is ExitCode.FAILED
    assert f"FAIL  {INPUT}: is not there" in capsys.readouterr().out


@pytest.fixture(scope="module")
def mock_cluster() -> Iterator[str]:
    """Librdkafka's own, which knows few of the questions."""
    host = Producer({"bootstrap.servers": "127.0.0.1:1", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = host.list_topics(timeout=10).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    host.flush()


def test_brokers_that_know_few_questions_are_no_problem(mock_cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisor.brokers.ANSWER_SECONDS", 0.5)
    settings = Settings(kafka={"bootstrap.servers": mock_cluster})
    filler = Producer({"bootstrap.servers": mock_cluster})
    for name in ("readings", "alerts"):
        filler.produce(name, b"")
    filler.flush(10)
    found = {it.subject: it for it in examine(Brokers(settings), settings, APP)}
    assert found[INPUT] == Finding(Verdict.OK, INPUT, "4 partitions; these brokers tell no rights")
    assert found[DEAD].verdict is Verdict.NOTE
    assert found["group alerts-group"].text == "these brokers do not tell"


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"bootstrap.servers": "127.0.0.1:1"}, "Connection refused"),
        ({"bootstrap.servers": "no-such-host.invalid:9092"}, "check the names in bootstrap.servers"),
    ],
)
def test_brokers_that_cannot_be_reached_are_one_problem_with_its_cure(
    properties: dict[str, Any], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor.brokers.ANSWER_SECONDS", 1.0)
    settings = Settings(kafka=properties)
    (found,) = examine(Brokers(settings), settings, APP)
    assert found.verdict is Verdict.PROBLEM
    assert found.text.startswith(f"no answer from {properties['bootstrap.servers']} within 1 s: ")
    assert text in found.text


def test_settings_that_librdkafka_does_not_take_are_invalid() -> None:
    with pytest.raises(ConfigInvalid, match=r"librdkafka does not take the settings: .*ssl\.ca\.location"):
        Brokers(Settings(kafka={"security.protocol": "ssl", "ssl.ca.location": "/no/such/file"}))


def test_retry_topics_are_read_and_written_and_created_with_one_partition() -> None:
    tiers = (Tier("readings.retry.1s", 1), Tier("readings.retry.2s", 2))
    app = Declaration(APP.group, (msgspec.structs.replace(APP.agents[0], tiers=tiers),))
    well = {**WELL, tiers[0].topic: topic(3, rights=(AclOperation.READ,))}
    brokers = KnownBrokers(well, group())
    found = findings(brokers, Settings(max_workers=7), app)
    assert found["topic readings.retry.1s (retries of alert, read)"].verdict is Verdict.OK
    assert "no right to write" in found["topic readings.retry.1s (retries of alert, written)"].text
    assert found["topic readings.retry.2s (retries of alert, read)"].verdict is Verdict.NOTE
    assert brokers.asked_to_create == {"readings.retry.2s": 1}
    assert found["max_workers"].text.startswith("7 for 8 partitions")


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("retention.ms", "60000", "604860000"),
        ("retention.bytes", "1000000", "-1"),
        ("cleanup.policy", "compact", "delete"),
        ("cleanup.policy", "compact,delete", "delete"),
    ],
)
def test_a_retry_topic_that_does_not_keep_its_records_is_a_problem(name: str, value: str, cure: str) -> None:
    agent = AgentDeclaration("alert", "readings", "alerts", None, (Tier("tier", 60),))
    brokers = KnownBrokers({"readings": topic(), "alerts": topic(), "tier": topic(1)}, group())
    brokers.settings["tier"] = {"retention.ms": "60001", "retention.bytes": "-1", "cleanup.policy": "delete"}
    assert "topic tier" not in findings(brokers, app=Declaration(APP.group, (agent,)))
    brokers.settings["tier"][name] = value
    found = findings(brokers, app=Declaration(APP.group, (agent,)))["topic tier"]
    assert found.verdict is Verdict.PROBLEM
    assert found.text == f"{name}={value} lets records go before they are dealt with; set {name}={cure}"


def test_dead_letters_that_are_deleted_by_age_are_told() -> None:
    """A letter has its record's time: where that is long ago, brokers delete it at once."""
    brokers = KnownBrokers({"readings": topic(), "alerts": topic(), "readings.dead": topic()}, group())
    brokers.settings["readings.dead"] = {"retention.ms": str(28 * 86_400_000)}
    found = findings(brokers)["topic readings.dead"]
    assert found.verdict is Verdict.NOTE
    assert "set retention.ms=-1" in found.text
