"""A short run of the fault suite with a fixed seed: every kind of fault that needs no broker to be started again."""

from pathlib import Path

import pytest

from tests.faults.plan import Fault
from tests.faults.run import Run
from tests.faults.settings import AT_LEAST_ONCE, EXACTLY_ONCE, Settings
from tests.support import jars
from tests.support.pool import PROTOCOLS

pytestmark = pytest.mark.alone

SLOW = {Fault.RESTART_BROKER, Fault.KILL_BROKER, Fault.STALL_CONNECTIONS, Fault.KILLER_RECORDS}
"""What takes longer than a short run has; `make faults` has them."""

SEED = 2279
"""Each other kind comes within 7 s, a freeze beyond the session among them, and all is over half a second later."""


@pytest.mark.skipif(not jars.available(), reason="the faults need brokers of their own: install Java and Maven")
@pytest.mark.parametrize(
    ("guarantee", "protocol"), [*((AT_LEAST_ONCE, protocol) for protocol in PROTOCOLS), (EXACTLY_ONCE, "classic")]
)
def test_promises_hold_under_faults(tmp_path: Path, guarantee: str, protocol: str) -> None:
    quick = tuple(fault for fault in Fault if fault not in SLOW)
    settings = Settings(
        seed=SEED, duration=7.0, every=0.6, rate=300, guarantee=guarantee, protocol=protocol, only=quick
    )
    report = Run(settings, tmp_path, _say).execute()
    assert report.kept, report.broken()


def _say(event: str, **facts: object) -> None:
    print(event, facts)
