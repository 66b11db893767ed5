"""Properties that the pool must own are refused with the reason, and settings that contradict each other, too."""

import pytest

from workers.config import load
from workers.errors import ConfigInvalid
from workers.settings import Settings


def settings(**flags: str) -> Settings:
    return load({name.replace("__", "."): value for name, value in flags.items()}, {"POOL_CONFIG": ""}, None).settings


def refusal(**flags: str) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        settings(**flags)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("group__id", "x", "set the pool's own setting `group` instead"),
        ("enable__auto__commit", "true", "only when all results below it are acknowledged"),
        ("auto__commit__enable", "true", "only when all results below it are acknowledged"),
        ("auto__offset__reset", "latest", "`start` and `on_data_loss`"),
        ("enable__partition__eof", "false", "read to its end"),
        ("transactional__id", "x", "names its producers itself"),
        ("enable__idempotence", "false", "may only be true"),
        ("acks", "1", "may only be all"),
        ("request__required__acks", "0", "may only be all"),
        ("partition__assignment__strategy", "range", "may only be cooperative-sticky"),
        ("max__in__flight", "6", "may be 5 at most"),
        ("retries", "0", "must be above 0"),
        ("kafka__consumer__linger__ms", "1", "move it to [kafka.producer] or [kafka]"),
        ("kafka__producer__fetch__min__bytes", "1", "move it to [kafka.consumer] or [kafka]"),
    ],
)
def test_what_the_pool_must_own_is_refused_with_the_reason(name: str, value: str, why: str) -> None:
    assert why in refusal(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enable__idempotence", "true"),
        ("acks", "all"),
        ("acks", "-1"),
        ("partition__assignment__strategy", "cooperative-sticky"),
        ("kafka__consumer__max__in__flight", "6"),
        ("statistics__interval__ms", "1000"),
        ("group__protocol", "consumer"),
    ],
)
def test_what_agrees_with_the_pool_is_taken(name: str, value: str) -> None:
    settings(**{name: value})


def test_a_drain_must_fit_into_the_poll_interval() -> None:
    assert "drain_timeout = 20 s must be below max.poll.interval.ms (20 s)" in refusal(
        max__poll__interval__ms="20000", session__timeout__ms="10000"
    )


def test_the_lease_must_end_before_the_session_in_the_classic_protocol() -> None:
    assert "lease = 6 s must be at most 5 s" in refusal(lease="6", session__timeout__ms="9000")
    assert settings(lease="5", session__timeout__ms="9000").lease_seconds == 5.0


def test_a_session_too_short_for_any_lease_is_refused() -> None:
    text = refusal(session__timeout__ms="4000", heartbeat__interval__ms="3000")
    assert "session.timeout.ms (4 s) must be more than 1 s above heartbeat.interval.ms (3 s)" in text


def test_the_poll_interval_must_not_be_below_the_session() -> None:
    text = refusal(max__poll__interval__ms="30000")
    assert "max.poll.interval.ms (30 s) must not be below session.timeout.ms (45 s)" in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("session__timeout__ms", "45000"),
        ("heartbeat__interval__ms", "3000"),
        ("partition__assignment__strategy", "cooperative-sticky"),
    ],
)
def test_what_the_brokers_decide_under_kip_848_is_refused(name: str, value: str) -> None:
    assert "must not be set with group.protocol=consumer" in refusal(**{name: value, "group__protocol": "consumer"})


def test_a_lease_that_only_commits_renew_must_outlast_two_of_them() -> None:
    assert "lease = 1.5 s must be at least twice commit_interval (1 s)" in refusal(
        lease="1.5", group__protocol="consumer"
    )


def test_a_remote_assignor_needs_kip_848() -> None:
    assert "group.remote.assignor needs group.protocol=consumer" in refusal(group__remote__assignor="uniform")
    settings(group__remote__assignor="uniform", group__protocol="consumer")


def test_a_worker_must_outlast_its_own_flushes() -> None:
    assert "flush_interval = 5 s must be below worker_timeout (2 s)" in refusal(flush_interval="5", worker_timeout="2")
