"""Each client gets the properties that it takes, the times follow from them, and secrets are never shown."""

import msgspec
import pytest

from workers.settings import FIELDS, GroupProtocol, Settings

SETTINGS = Settings(
    kafka={"bootstrap.servers": "a:1", "linger.ms": 5, "fetch.min.bytes": 1, "client.id": "all", "sasl.password": "no"},
    kafka_consumer={"client.id": "reader", "session.timeout.ms": 9000},
    kafka_producer={"client.id": "writer"},
)


@pytest.mark.parametrize("role", ["supervisor", "consumer"])
def test_a_consumer_gets_what_consumers_take(role: str) -> None:
    assert SETTINGS.client("supervisor" if role == "supervisor" else "consumer") == {
        "bootstrap.servers": "a:1",
        "fetch.min.bytes": 1,
        "client.id": "reader",
        "session.timeout.ms": 9000,
        "sasl.password": "no",
    }


def test_a_producer_gets_what_producers_take() -> None:
    assert SETTINGS.client("producer") == {
        "bootstrap.servers": "a:1",
        "linger.ms": 5,
        "client.id": "writer",
        "sasl.password": "no",
    }


def test_an_admin_client_gets_what_all_clients_take() -> None:
    assert SETTINGS.client("admin") == {"bootstrap.servers": "a:1", "client.id": "all", "sasl.password": "no"}


def test_its_text_holds_no_secret() -> None:
    assert "'sasl.password': '<redacted>'" in repr(SETTINGS)
    assert "'sasl.password': 'no'" not in f"{SETTINGS}"


def test_the_lease_is_a_third_of_the_session() -> None:
    assert Settings().lease_seconds == 15.0
    assert SETTINGS.lease_seconds == 3.0


def test_the_lease_leaves_room_for_a_heartbeat_and_a_second() -> None:
    short = Settings(kafka={"session.timeout.ms": 5000})
    assert short.lease_seconds == 1.0


def test_under_kip_848_the_lease_does_not_hang_on_the_clients_session() -> None:
    it = Settings(kafka={"group.protocol": "consumer"})
    assert (it.protocol, it.lease_seconds) == (GroupProtocol.CONSUMER, 15.0)


@pytest.mark.parametrize(
    ("http", "address"), [("", None), ("0.0.0.0:80", ("0.0.0.0", 80)), ("[::1]:9404", ("::1", 9404)), (":1", ("", 1))]
)
def test_the_http_address_is_host_and_port(http: str, address: tuple[str, int] | None) -> None:
    assert Settings(http=http).http_address == address


def test_settings_travel_as_plain_data() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(SETTINGS), type=Settings) == SETTINGS


def test_every_field_says_what_it_is_and_what_is_allowed() -> None:
    assert all(field.about.endswith(".") and field.allowed for field in FIELDS.values())
