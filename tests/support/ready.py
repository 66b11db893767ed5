"""Whether a broker answers."""

from collections.abc import Callable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.support.wait import wait_for


def wait_ready(
    bootstrap: str,
    *,
    within: float = 60.0,
    alive: Callable[[], bool] = lambda: True,
    log: Callable[[], str] = lambda: "",
) -> None:
    """Wait until the broker at `bootstrap` answers.

    Args:
        bootstrap: its address, `host:port`.
        within: seconds.
        alive: whether the broker's process still runs.
        log: its last words, for the failure's text.

    Raises:
        AssertionError: it has ended, or does not answer in time.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100})

    def answers() -> bool:
        assert alive(), f"the broker at {bootstrap} has ended:\n{log()}"
        try:
            return bool(admin.list_topics(timeout=1.0).brokers)
        except KafkaException:
            return False

    wait_for(answers, within, lambda: f"no answer from {bootstrap}\n{log()}")
