"""A record is blamed for a death only where it was in hand and the death is of its kind; too many condemn it."""

import signal

import pytest

from supervisor.suspects import STACKS, Death, Suspects, blame
from workers.endings import WorkerExit
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
        exited(WorkerExit.ORPHANED),
        exited(WorkerExit.CRASHED),
    ],
    ids=["idle", "from outside", "unknown", "lost", "its own decision", "orphaned", "the pool's own"],
)
def test_what_no_record_is_blamed_for(death: Death) -> None:
    assert blame(death, lambda: True) is None


@pytest.mark.parametrize(("oom_killed", "cause"), [(True, "out of memory"), (False, None)])
def test_a_kill_counts_where_memory_ran_out(*, oom_killed: bool, cause: str | None) -> None:
    assert blame(SEGFAULT._replace(status=signal.SIGKILL), lambda: oom_killed) == cause


def test_the_second_death_condemns() -> None:
    suspects = Suspects(2)
    assert suspects.add(SEGFAULT, "signal SIGSEGV", batched=False)
    assert suspects.condemned(5) == {}
    assert suspects.careful_until == 10
    assert not suspects.add(SEGFAULT._replace(polled=9), "exit code 3", batched=False)
    assert suspects.condemned(5) == {7: Killer("exit code 3", 2)}
    assert suspects.careful_until == 10, "care reaches as far as any dead worker had polled"


def test_deaths_on_different_records_condemn_neither() -> None:
    suspects = Suspects(2)
    for position in (7, 8, 9):
        assert suspects.add(SEGFAULT._replace(position=position), "signal SIGSEGV", batched=False)
    assert suspects.condemned(7) == {}


def test_what_is_passed_is_forgotten() -> None:
    suspects = Suspects(1)
    suspects.add(SEGFAULT, "signal SIGSEGV", batched=False)
    assert suspects.condemned(7).keys() == {7}
    assert suspects.condemned(8) == {}
    assert suspects.condemned(7) == {}


def test_a_batch_condemns_nobody_before_its_records_are_handled_one_by_one() -> None:
    suspects = Suspects(1)
    suspects.add(SEGFAULT, "signal SIGSEGV", batched=True)
    assert suspects.condemned(7) == {}
    suspects.add(SEGFAULT._replace(position=8), "signal SIGSEGV", batched=True)
    assert suspects.condemned(7).keys() == {8}


def test_the_stacks_tail_is_kept() -> None:
    suspects = Suspects(1)
    suspects.add(SEGFAULT._replace(stacks="x" * STACKS + "the end"), "signal SIGSEGV", batched=False)
    stacks = suspects.condemned(7)[7].stacks
    assert len(stacks) == STACKS
    assert stacks.endswith("the end")
