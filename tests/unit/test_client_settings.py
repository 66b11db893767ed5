"""Settings that librdkafka does not take are told as such by whatever makes a client first."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from supervisor.dead_brokers import DeadBrokers
from supervisor.dead_filter import Filter
from supervisor.dead_marks import Action, Mark
from supervisor.dead_reader import DeadReader
from supervisor.dead_transactions import DeadTransactions
from supervisor.load_numbers import Numbers
from supervisor.load_reader import Reader
from supervisor.load_topic import prepare_topic
from supervisor.load_verification import Expect, Verification
from tests.support.pool import environment
from workers.errors import ConfigInvalid, ExitCode
from workers.settings import Settings

SETTINGS = Settings(kafka={"security.protocol": "ssl", "ssl.ca.location": "/no/such/file"})
MARK = Mark("dead", "id", Action.REPLAY, Filter())


@pytest.mark.parametrize(
    "make",
    [
        lambda: prepare_topic(SETTINGS, "in", None),
        lambda: Reader(SETTINGS, "in", "out", Numbers(marked=False), Verification(Expect.ALL)),
        lambda: DeadBrokers(SETTINGS),
        lambda: DeadReader(SETTINGS, "dead", "group", {}, {}),
        lambda: DeadTransactions(SETTINGS.client("producer"), "group", MARK),
    ],
)
def test_settings_that_librdkafka_does_not_take_are_invalid(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigInvalid, match=r"librdkafka does not take the settings: .*ssl\.ca\.location"):
        make()


def test_a_pool_ends_by_them_as_by_any_wrong_setting() -> None:
    arguments = ["run", "tests.apps.alerts:app", "--bootstrap", "127.0.0.1:1"]
    arguments += [part for name, value in SETTINGS.kafka.items() for part in ("--set", f"{name}={value}")]
    done = subprocess.run(
        [sys.executable, "-m", "supervisor", *arguments],
        env=environment() | {"POOL_HTTP": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == ExitCode.USAGE
    assert "librdkafka does not take the settings" in done.stdout + done.stderr
