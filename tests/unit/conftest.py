"""What every unit test begins with: the same chance, logs as they are by default, and as much time as it takes."""

import random
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

# Property tests are about what holds, not about how fast a busy machine is.
settings.register_profile("any-speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-speed")


@pytest.fixture(autouse=True)
def _as_always() -> Iterator[None]:
    chance = random.getstate()  # others choose ports by it
    random.seed(0)
    yield
    random.setstate(chance)
    structlog.reset_defaults()
