"""The table of librdkafka's properties agrees with the librdkafka that is installed."""

import pytest
from confluent_kafka import KafkaException, Producer

from workers.librdkafka_properties import ALIASES, PROPERTIES, Value, environment_name, find, is_secret

NO_SUCH = "No such configuration property"


def refusal(name: str, value: Value) -> str:
    """What librdkafka says of a property: it checks names and values before it makes a client."""
    try:
        Producer({name: value, "log_level": 0})
    except KafkaException as failure:
        return str(failure.args[0].str())
    return ""


@pytest.mark.parametrize("name", [*PROPERTIES, *ALIASES])
def test_librdkafka_knows_every_name(name: str) -> None:
    value = True if name == "delivery.report.only.error" else "1"  # the Python client reads this one itself
    # A second, unknown property ends the attempt before any client is made.
    with pytest.raises(KafkaException) as caught:
        Producer({name: value, "no.such.property": "1"})
    assert f'{NO_SUCH}: "{name}"' not in caught.value.args[0].str()


def test_an_unknown_name_is_what_librdkafka_calls_unknown() -> None:
    assert NO_SUCH in refusal("linger.milliseconds", 1)
    assert find("linger.milliseconds") is None


@pytest.mark.parametrize(
    ("name", "written", "value"),
    [
        ("enable.idempotence", "TRUE", True),
        ("enable.idempotence", False, False),
        ("session.timeout.ms", "9000", 9000),
        ("linger.ms", "0.5", 0.5),
        ("queue.buffering.max.ms", 7, 7.0),
        ("security.protocol", "SASL_SSL", "sasl_ssl"),
        ("acks", "all", "all"),
        ("acks", "-1", -1),
        ("client.id", " a b ", " a b "),
        ("debug", "cgrp,topic", "cgrp,topic"),
    ],
)
def test_a_value_is_given_as_librdkafka_takes_it(name: str, written: Value, value: Value) -> None:
    known = find(name)
    assert known is not None
    parsed = known.parse(written)
    assert (parsed, type(parsed)) == (value, type(value))
    assert "Invalid value" not in refusal(name, parsed)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("enable.idempotence", "yes"),
        ("session.timeout.ms", "0"),
        ("session.timeout.ms", "45s"),
        ("session.timeout.ms", "4.5"),
        ("session.timeout.ms", True),
        ("linger.ms", "nan"),
        ("security.protocol", "tls"),
        ("acks", "some"),
    ],
)
def test_what_librdkafka_would_refuse_is_refused_first(name: str, written: Value) -> None:
    known = find(name)
    assert known is not None
    with pytest.raises(ValueError):  # noqa: PT011 - it says nothing: the value could be a secret
        known.parse(written)


def test_what_is_allowed_is_told_in_words() -> None:
    told = {name: PROPERTIES[name].allowed for name in ("acks", "linger.ms", "isolation.level", "check.crcs")}
    assert told == {
        "acks": "a whole number from -1 to 1000 or all",
        "linger.ms": "a number from 0 to 900000",
        "isolation.level": "read_uncommitted or read_committed",
        "check.crcs": "true or false",
    }


def test_no_two_properties_share_a_variable_of_the_environment() -> None:
    names = [environment_name(name) for name in [*PROPERTIES, *ALIASES]]
    assert len(names) == len(set(names))


def test_secrets_are_known_by_their_names() -> None:
    secrets = {name for name in PROPERTIES if is_secret(name)}
    assert secrets == {
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "sasl.oauthbearer.assertion.private.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
        "sasl.password",
        "ssl.key.password",
        "ssl.key.pem",
        "ssl.keystore.password",
    }
    assert is_secret("sasl.jaas.config")
