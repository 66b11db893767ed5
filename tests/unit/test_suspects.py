"""A record is blamed for a death only where it was in hand and the death is of its kind; too many condemn it."""

import os
import signal

import pytest

from supervisor.suspects import STACKS, Death, Suspects, blame
from workers.protocol import Killer

SEGFAULT = Death(position=7, polled=10, status=signal.SIGSEGV, announced=False, killed_for=None, hung=False)


def exited(code: int) -> Death:
    return SEGFAULT._replace(status=code << 8)


@pytest.mark.parametrize(
    ("death", "cause"),
    [
        (SEGFAULT, "signal SIGSEGV"),
        (SEGFAULT._replace(status=signal.SIGBUS | 0x80), "signal SIGBUS"),
        (SEGFAULT._replace(status=signal.SIGABRT), "signal SIGABRT"),
        (exited(0), "exit code 0"),
        (exited(3), "exit code 3"),
        (exited(os.EX_DATAERR), "exit code 65"),
        (exited(os.EX_NOINPUT), "exit code 66"),
        (
            SEGFAULT._replace(status=signal.SIGABRT, killed_for="no sign of life for 5 s", hung=True),
            "no sign of life for 5 s",
        ),
    ],
)
def test_what_a_record_is_blamed_for(death: Death, cause: str) -> None:
    assert blame(death, lambda: False) == cause


@pytest.mark.parametrize(
    "death",
    [
        SEGFAULT._replace(polled=7),
        SEGFAULT._replace(status=signal.SIGTERM),
        SEGFAULT._replace(status=None),
        SEGFAULT._replace(killed_for="partition lost"),
        SEGFAULT._replace(announced=True),
    ],
    ids=["idle", "from outside", "unknown", "lost", "its own decision"],
)
def test_what_no_record_is_blamed_for(death: Death) -> None:
    assert blame(death, lambda: True) is None


@pytest.mark.parametrize(("oom_killed", "cause"), [(True, "out of memory"), (False, None)])
def test_a_kill_counts_where_memory_ran_out(*, oom_killed: bool, cause: str | None) -> None:
    assert blame(SEGFAULT._replace(status=signal.SIGKILL), lambda: oom_killed) == cause


def test_the_second_death_condemns() -> None:
    suspects = Suspects(2)
    assert suspects.add(SEGFAULT, "signal SIGSEGV")
    assert suspects.condemned(5) == {}
    assert suspects.careful_until == 10
    assert suspects.add(SEGFAULT._replace(position=8, polled=9), "exit code 3")
    assert suspects.condemned(5) == {8: Killer("exit code 3", 2)}
    assert suspects.careful_until == 10, "care reaches as far as any dead worker had polled"


def test_a_record_that_was_alone_is_named_by_its_death() -> None:
    suspects = Suspects(2)
    suspects.isolate(1000)
    suspects.add(SEGFAULT._replace(position=150, polled=1000), "signal SIGSEGV")
    suspects.add(SEGFAULT._replace(position=700, polled=1000), "signal SIGSEGV")
    assert suspects.condemned(150) == {}, "each has killed but one"


def test_a_death_counts_for_one_record() -> None:
    suspects = Suspects(2)
    for position in (7, 8, 9):
        assert suspects.add(SEGFAULT._replace(position=position), "signal SIGSEGV")
    assert suspects.condemned(7).keys() == {8}
    assert not suspects.add(SEGFAULT._replace(position=9), "signal SIGSEGV")
    assert suspects.condemned(7).keys() == {8, 9}


def test_a_record_that_was_not_suspect_is_condemned_by_its_own_deaths() -> None:
    suspects = Suspects(2)
    suspects.add(SEGFAULT, "signal SIGSEGV")
    suspects.careful_until = 12
    suspects.add(SEGFAULT._replace(position=10, polled=12), "signal SIGSEGV")
    assert suspects.condemned(7) == {}
    suspects.add(SEGFAULT._replace(position=10, polled=12), "signal SIGSEGV")
    assert suspects.condemned(7).keys() == {10}


def test_what_is_passed_is_forgotten() -> None:
    suspects = named(Suspects(1))
    assert suspects.condemned(7).keys() == {7}
    assert suspects.condemned(8) == {}
    assert suspects.condemned(7) == {}


def test_none_is_condemned_before_records_are_handled_one_by_one() -> None:
    suspects = Suspects(1)
    suspects.add(SEGFAULT, "signal SIGSEGV")
    assert suspects.condemned(7) == {}
    suspects.add(SEGFAULT._replace(position=8), "signal SIGSEGV")
    assert suspects.condemned(7).keys() == {8}


def test_the_stacks_tail_is_kept() -> None:
    suspects = named(Suspects(1), "x" * STACKS + "the end")
    stacks = suspects.condemned(7)[7].stacks
    assert len(stacks) == STACKS
    assert stacks.endswith("the end")


def named(suspects: Suspects, stacks: str = "") -> Suspects:
    """With a death in a turn, and one that names its first record."""
    for _ in range(2):
        suspects.add(SEGFAULT._replace(stacks=stacks), "signal SIGSEGV")
    return suspects
