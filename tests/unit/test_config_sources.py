"""What the file, the environment and the command line may say, and what in them is not for the pool."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from workers.config_sources import Entry, Sources


def keys(entries: Iterable[Entry]) -> dict[str, object]:
    return {entry.key: entry.value for entry in entries}


def test_toml_takes_dotted_names_with_and_without_quotes(tmp_path: Path) -> None:
    path = tmp_path / "pool.toml"
    path.write_text(
        "app = 'a:b'\n[pool]\nlease = 3\n[kafka]\nssl.ca.location = '/ca'\n'linger.ms' = 5\n"
        "bootstrap.servers = ['a:1', 'b:2']\n[kafka.consumer]\nfetch.min.bytes = 1\n[kafka.producer]\nclient.id = 'p'\n"
    )
    sources = Sources()
    assert keys(sources.file(path)) == {
        "app": "a:b",
        "lease": 3,
        "kafka.ssl.ca.location": "/ca",
        "kafka.linger.ms": 5,
        "kafka.bootstrap.servers": "a:1,b:2",
        "kafka.consumer.fetch.min.bytes": 1,
        "kafka.producer.client.id": "p",
    }
    assert sources.problems == []


def test_a_property_at_the_top_of_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pool.toml"
    path.write_text("'linger.ms' = 5")
    sources = Sources()
    assert keys(sources.file(path)) == {}
    assert "linger.ms" in sources.problems[0]


def test_the_environment_names_every_property_for_all_clients_or_one_kind() -> None:
    sources = Sources()
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": "a:1",
        "KAFKA_CONSUMER_FETCH_MIN_BYTES": "1",
        "KAFKA_PRODUCER_CLIENT_ID": "p",
        "KAFKA_LOG_LEVEL": "7",
        "PATH": "/bin",
        "POOL_CONFIG": "pool.toml",
    }
    assert keys(sources.environment(environ)) == {
        "kafka.bootstrap.servers": "a:1",
        "kafka.consumer.fetch.min.bytes": "1",
        "kafka.producer.client.id": "p",
        "kafka.log_level": "7",
    }
    assert sources.problems == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KAFKA_SERVICE_HOST", "10.0.0.1"),
        ("KAFKA_SERVICE_PORT", "9092"),
        ("KAFKA_SERVICE_PORT_TCP_CLIENT", "9092"),
        ("KAFKA_PORT", "tcp://10.0.0.1:9092"),
        ("KAFKA_PORT_9092_TCP", "tcp://10.0.0.1:9092"),
        ("KAFKA_PORT_9092_TCP_ADDR", "10.0.0.1"),
        ("KAFKA_BROKERS_SERVICE_HOST", "10.0.0.1"),
        ("KAFKA_BOOTSTRAP_PORT", "tcp://10.0.0.1:9092"),
        ("POOL_SERVICE_HOST", "10.0.0.1"),
        ("POOL_METRICS_PORT", "tcp://10.0.0.1:9404"),
        ("KAFKA_OPTS", "-Xmx1g"),
        ("KAFKA_HEAP_OPTS", "-Xmx1g"),
        ("KAFKA_JVM_PERFORMANCE_OPTS", "-XX:+UseG1GC"),
        ("KAFKA_HOME", "/opt/kafka"),
        ("KAFKA_JMX_PORT", "9999"),
    ],
)
def test_what_kubernetes_and_kafkas_scripts_set_is_passed_over(variable: str, value: str) -> None:
    sources = Sources()
    assert keys(sources.environment({variable: value})) == {}
    assert sources.problems == []


def test_a_port_that_somebody_meant_is_refused() -> None:
    sources = Sources()
    assert keys(sources.environment({"KAFKA_PORT": "9092"})) == {}
    assert "KAFKA_PORT (environment): there is no such setting" in sources.problems[0]


def test_a_secret_comes_from_a_file_without_its_last_newline(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    (entry,) = Sources().environment({"KAFKA_SASL_PASSWORD_FILE": str(secret)})
    assert (entry.key, entry.value) == ("kafka.sasl.password", "hunter2")
    assert entry.origin == f"KAFKA_SASL_PASSWORD_FILE ({secret})"
    assert "hunter2" not in entry.shown


def test_the_pools_own_settings_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "group").write_text("alerts\n")
    assert keys(Sources().environment({"POOL_GROUP_FILE": str(tmp_path / "group")})) == {"group": "alerts"}


def test_a_property_whose_own_name_ends_in_file_is_no_secrets_file() -> None:
    environ = {"KAFKA_SASL_OAUTHBEARER_ASSERTION_FILE": "/jwt"}
    assert keys(Sources().environment(environ)) == {"kafka.sasl.oauthbearer.assertion.file": "/jwt"}


def test_a_secrets_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    sources = Sources()
    assert keys(sources.environment({"KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "no")})) == {}
    assert sources.problems == [
        f"KAFKA_SASL_PASSWORD_FILE (environment): cannot read {tmp_path / 'no'}: No such file or directory"
    ]


def test_a_setting_and_its_file_at_once_are_a_problem(tmp_path: Path) -> None:
    sources = Sources()
    environ = {"KAFKA_SASL_PASSWORD": "a", "KAFKA_SASL_PASSWORD_FILE": str(tmp_path)}
    assert keys(sources.environment(environ)) == {"kafka.sasl.password": "a"}
    assert "KAFKA_SASL_PASSWORD is set, too" in sources.problems[0]


def test_names_of_the_java_clients_lead_to_ours() -> None:
    sources = Sources()
    assert keys(sources.environment({"KAFKA_SASL_JAAS_CONFIG": "x"})) == {}
    assert keys(sources.flags({"ssl.truststore.location": "/ca"})) == {}
    assert "here it is KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD" in sources.problems[0]
    assert "here it is ssl.ca.location" in sources.problems[1]


def test_the_command_line_takes_the_names_of_the_file_and_bare_properties() -> None:
    flags = {
        "drain-timeout": "1",
        "log_level": "debug",
        "kafka.log_level": "7",
        "acks": "all",
        "kafka.producer.acks": "1",
    }
    assert keys(Sources().flags(flags)) == {
        "drain_timeout": "1",
        "log_level": "debug",
        "kafka.log_level": "7",
        "kafka.acks": "all",
        "kafka.producer.acks": "1",
    }
