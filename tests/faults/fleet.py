"""The supervisors of a run: started, killed, frozen, thawed, ended."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals
from typing import Final

from tests.support.pool import Pool
from tests.support.process import descendants, running, session_of, signal_session
from tests.support.wait import wait_for
from workers.errors import ExitCode

APP: Final = "tests.faults.apps:app"
MOST: Final = 3
_GONE_SECONDS: Final = 5.0
_BEGUN_SECONDS: Final = 20.0


class State(Enum):
    """What a run has done to a supervisor.

    UP → FROZEN → UP; UP or FROZEN → KILLED; UP or FROZEN → LEAVING, after which it ends by itself.
    """

    UP = "up"
    FROZEN = "frozen"
    LEAVING = "leaving"
    KILLED = "killed"


class Member:
    """One supervisor with its processes."""

    def __init__(self, number: int, pool: Pool) -> None:
        self.number = number
        self.pool = pool
        self.state = State.UP
        self._seen: set[int] = set()

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self.pool.process.poll()

    @property
    def begun(self) -> bool:
        """Whether it has said anything."""
        return self.pool.log_file.stat().st_size > 0

    def workers(self) -> Sequence[int]:
        """The process ids of its workers: the children of its children."""
        below = self.look()
        return sorted(set().union(*map(descendants, below)))

    def fork_servers(self) -> Sequence[int]:
        """The process ids of its own children."""
        return sorted(self.look() - set(self.workers()))

    def look(self) -> set[int]:
        """The ids of all processes below it; they are remembered, so that `left` knows them."""
        found = descendants(self.pool.pid) if self.exit_code is None else set()
        self._seen |= found
        return found

    def signal(self, number: Signals, *, whole: bool = False) -> None:
        """Send it a signal; with `whole` its workers, too."""
        self.look()
        if whole:
            signal_session(self.pool.pid, number)
        else:
            with suppress(ProcessLookupError):
                os.kill(self.pool.pid, number)

    def left(self) -> set[int]:
        """Those of its processes that still run; what has got an ended one's id since is of another session."""
        return {pid for pid in self._seen if running(pid) and session_of(pid) == self.pool.pid}


class Fleet:
    """Up to three supervisors of one group.

    Args:
        bootstrap: where they find the brokers.
        directory: for their logs.
        protocol: "classic" or "consumer".
        env: what else they are told; called with each one's number.
    """

    def __init__(
        self, bootstrap: str, directory: Path, *, protocol: str, env: Callable[[int], Mapping[str, str]]
    ) -> None:
        self.unexpected: list[str] = []
        """Supervisors that ended where nothing had told them to, or otherwise than they should have."""
        self.orphans: set[int] = set()
        """Processes that outlived their supervisor by `_GONE_SECONDS`."""
        self._bootstrap = bootstrap
        self._directory = directory
        self._protocol = protocol
        self._env = env
        self._members: list[Member] = []
        self._ended: list[Member] = []

    @property
    def present(self) -> Sequence[Member]:
        """Those that take part or will again: up or frozen."""
        return [member for member in self._members if member.state in (State.UP, State.FROZEN)]

    @property
    def up(self) -> Sequence[Member]:
        """Those that nothing keeps from working."""
        return [member for member in self._members if member.state is State.UP]

    def start(self) -> Member:
        """Start one more."""
        number = len(self._members) + len(self._ended) + 1
        pool = Pool(self._bootstrap, APP, self._directory, protocol=self._protocol, env=self._env(number))
        member = Member(number, pool)
        self._members.append(member)
        return member

    def kill(self, member: Member) -> None:
        """SIGKILL its supervisor; its workers are the kernel's to end."""
        member.state = State.KILLED
        member.signal(SIGKILL)

    def freeze(self, member: Member, *, whole: bool) -> None:
        """SIGSTOP it; with `whole` its workers, too."""
        member.state = State.FROZEN
        member.signal(SIGSTOP, whole=whole)

    def thaw(self, member: Member) -> None:
        """Let it go on, unless something else has become of it."""
        member.signal(SIGCONT, whole=True)
        if member.state is State.FROZEN:
            member.state = State.UP

    def remove(self, member: Member) -> None:
        """SIGTERM it, once it runs: before, that would end it as it does any process."""
        member.state = State.LEAVING
        member.signal(SIGCONT, whole=True)
        wait_for(lambda: member.begun or member.exit_code is not None, _BEGUN_SECONDS)
        member.signal(SIGTERM)

    def look(self) -> Sequence[Member]:
        """Remember what processes there are, and take those out that have ended; the ones that should not have."""
        failed = []
        for member in list(self._members):
            if (code := member.exit_code) is None:
                member.look()
                continue
            self._members.remove(member)
            self._ended.append(member)
            if code not in _due_codes(member.state):
                self.unexpected.append(f"supervisor {member.number}, {member.state.value}, ended with {code}")
                failed.append(member)
            self._check_gone(member)
        return failed

    def end(self, within: float) -> None:
        """SIGTERM all, wait for their end, and see that nothing is left; kill what is."""
        for member in self.present:
            self.remove(member)
        with suppress(AssertionError):
            wait_for(lambda: (self.look(), not self._members)[1], within, every=0.1)
        for member in self._members:
            self.unexpected.append(f"supervisor {member.number} did not end within {within:.0f} s of SIGTERM")
        self.close()

    def close(self) -> None:
        """Kill whatever there is."""
        for member in self._members:
            member.signal(SIGKILL, whole=True)
            member.pool.process.wait()
        for pid in {pid for member in (*self._members, *self._ended) for pid in member.left()}:
            with suppress(ProcessLookupError):
                os.kill(pid, SIGKILL)

    def _check_gone(self, member: Member) -> None:
        with suppress(AssertionError):
            wait_for(lambda: not member.left(), _GONE_SECONDS)
        self.orphans |= member.left()


def _due_codes(state: State) -> Sequence[int]:
    """With the brokers away a drain may end without its commit, and says so."""
    return {State.LEAVING: (ExitCode.OK, ExitCode.UNDRAINED), State.KILLED: (-SIGKILL,)}.get(state, ())
