"""What all tests of transactions begin with: a clock, and transactional offsets on it."""

import pytest

from tests.unit.transactions.parts import Clock, Parts


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def parts(clock: Clock) -> Parts:
    return Parts()
