"""Settings come from four layers, each with its origin, and all that is wrong is told at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from workers.config import Loaded, load
from workers.errors import ConfigInvalid


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no pool.toml lies."""
    monkeypatch.chdir(tmp_path)


def loaded(
    flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None, toml: str | None = None
) -> Loaded:
    path = None
    if toml is not None:
        path = Path("settings.toml")
        path.write_text(toml, encoding="utf-8")
    return load(flags or {}, environ or {}, path)


def refusal(
    flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None, toml: str | None = None
) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        loaded(flags, environ, toml)
    return str(caught.value)


def test_defaults_need_nothing() -> None:
    it = loaded()
    assert it.settings.drain_timeout == 20.0
    assert it.settings.client("producer") == {}
    assert set(it.origins.values()) == {"default"}
    assert it.path is None


def test_each_layer_lies_over_the_one_below() -> None:
    toml = "drain_timeout = 1\nworker_timeout = 2\nlease = 3\nmax_workers = 4"
    environ = {"POOL_DRAIN_TIMEOUT": "11", "POOL_WORKER_TIMEOUT": "12"}
    it = loaded({"drain_timeout": "21"}, environ, toml)
    assert (it.settings.drain_timeout, it.settings.worker_timeout, it.settings.lease) == (21.0, 12.0, 3.0)
    assert it.origins["drain_timeout"] == "command line"
    assert it.origins["worker_timeout"] == "environment, POOL_WORKER_TIMEOUT"
    assert it.origins["lease"] == "settings.toml"
    assert it.origins["commit_interval"] == "default"


def test_a_property_is_overridden_under_any_of_its_names() -> None:
    toml = "[kafka]\nmetadata.broker.list = 'a:1'\n'linger.ms' = 1"
    it = loaded({"bootstrap.servers": "c:3"}, {"KAFKA_QUEUE_BUFFERING_MAX_MS": "2"}, toml)
    assert it.settings.kafka == {"bootstrap.servers": "c:3", "linger.ms": 2.0}


def test_a_property_set_twice_under_two_names_is_refused() -> None:
    assert "is set twice" in refusal(toml="[kafka]\n'linger.ms' = 1\n'queue.buffering.max.ms' = 2")


def test_a_flag_that_is_not_given_changes_nothing() -> None:
    assert loaded({"drain_timeout": None}).settings.drain_timeout == 20.0


def test_an_empty_variable_is_as_good_as_none_but_for_http() -> None:
    it = loaded(environ={"POOL_GROUP": "", "KAFKA_CLIENT_RACK": "", "KAFKA_SASL_PASSWORD_FILE": "", "POOL_HTTP": ""})
    assert it.settings.group is None
    assert it.settings.kafka == {}
    assert it.settings.http == ""
    assert it.settings.http_address is None


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("latest", "latest"),
        ("Earliest", "earliest"),
        ("2026-01-31T12:00:00Z", 1769860800000),
        ("2026-01-31T13:00:00+01:00", 1769860800000),
        ("2026-01-31", 1769817600000),
        ("1769860800000", 1769860800000),
        (1769860800000, 1769860800000),
    ],
)
def test_a_start_is_an_edge_or_a_time(written: object, start: str | int) -> None:
    assert loaded({"start": written}).settings.start == start


def test_a_start_may_be_a_time_of_toml() -> None:
    assert loaded(toml="start = 2026-01-31T12:00:00Z").settings.start == 1769860800000


def test_a_start_is_not_before_1970() -> None:
    with pytest.raises(ConfigInvalid, match="must be earliest, latest"):
        loaded(toml="start = -2")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("drain_timeout", "soon", "seconds from 0.1 to 3600"),
        ("drain_timeout", "nan", "seconds from 0.1 to 3600"),
        ("worker_timeout", "-1", "seconds from 1 to 86400"),
        ("max_workers", "1.5", "a whole number from 1 to 1024"),
        ("create", "0", "a whole number from 1 to 10000"),
        ("on_data_loss", "ignore", "continue or stop"),
        ("log_level", "loud", "debug or info or warning or error"),
        ("http", "9404", "HOST:PORT, or empty"),
        ("app", "iot.alerts", "MODULE:APP, as in iot.alerts:app"),
        ("start", "yesterday", "earliest, latest, a time such as"),
        ("start", "-1", "earliest, latest, a time such as"),
        ("group", " ", "a name"),
    ],
)
def test_a_wrong_value_is_refused_with_name_origin_and_what_is_allowed(name: str, value: str, allowed: str) -> None:
    variable = f"POOL_{name.upper()}"
    text = refusal(environ={variable: value})
    assert text.startswith(f"{name} = {value!r} (environment, {variable}): must be {allowed}")


def test_every_problem_is_told_at_once() -> None:
    text = refusal({"lease": "0", "lingr.ms": "1"}, {"POOL_HTP": "x", "KAFKA_ACKS": "2"}, "drain_timeout = false")
    assert text.splitlines()[0] == "5 settings are wrong:"
    for name in ("lease", "lingr.ms", "POOL_HTP", "kafka.acks", "drain_timeout"):
        assert f"\n  {name} " in text


@pytest.mark.parametrize(
    ("flags", "environ", "toml", "near"),
    [
        ({"drain-timeot": "1"}, {}, None, "drain_timeout"),
        ({"kafka.consumer.fetch.min.byte": "1"}, {}, None, "fetch.min.bytes"),
        ({}, {"POOL_DRAIN_TIMEOT": "1"}, None, "POOL_DRAIN_TIMEOUT"),
        ({}, {"KAFKA_BOOTSTRAP_SERVER": "a:1"}, None, "KAFKA_BOOTSTRAP_SERVERS"),
        ({}, {}, "max_worker = 1", "max_workers"),
        ({}, {}, "[kafka]\nsecurity.protocl = 'ssl'", "security.protocol"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known(
    flags: Mapping[str, object], environ: Mapping[str, str], toml: str | None, near: str
) -> None:
    assert f"there is no such setting; did you mean {near}?" in refusal(flags, environ, toml)


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match=r"nowhere\.toml: cannot be read: No such file"):
        load({}, {}, Path("nowhere.toml"))


def test_a_file_that_is_not_toml_is_refused_with_its_line() -> None:
    assert "settings.toml: is not TOML" in (text := refusal(toml="app = \n"))
    assert "line 1" in text


def test_pool_toml_is_read_where_it_lies_and_another_where_the_environment_names_it() -> None:
    Path("pool.toml").write_text("max_workers = 7")
    Path("other.toml").write_text("max_workers = 8")
    assert load({}, {}, None).settings.max_workers == 7
    assert load({}, {"POOL_CONFIG": "other.toml"}, None).settings.max_workers == 8
    assert load({}, {"POOL_CONFIG": "other.toml"}, Path("pool.toml")).settings.max_workers == 7


def test_a_secret_is_in_no_error() -> None:
    environ = {"KAFKA_SASL_JAAS_CONFIG": "hunter2", "KAFKA_SASL_PASWORD": "hunter2"}
    text = refusal({"ssl.key.pem": "hunter2", "kafka.consumer.x.password": "hunter2"}, environ)
    assert "hunter2" not in text


@pytest.mark.parametrize(("text", "mebibytes"), [("512M", 512), ("0.5GiB", 512), ("2g", 2048), ("67108864", 64)])
def test_a_size_in_bytes(text: str, mebibytes: int) -> None:
    assert loaded(environ={"POOL_MAX_MEMORY": text}).settings.max_memory == mebibytes * 1024**2


@pytest.mark.parametrize("text", ["1M", "much", "512X", "-1G"])
def test_what_is_no_size(text: str) -> None:
    assert "must be bytes, as 512M or 2G, from 32M" in refusal(environ={"POOL_MAX_MEMORY": text})
