"""What a run has found, as a table and as a yes or no."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from rich.table import Table
from rich.text import Text

from tests.faults.plan import Fault
from tests.faults.settings import Settings

_SHOWN: Final = 5


class Check(NamedTuple):
    """One promise, and whether it was kept."""

    name: str
    found: str
    allowed: str
    kept: bool
    examples: Sequence[object] = ()
    """What breaks the promise."""


def none_of(name: str, found: Sequence[object]) -> Check:
    """A promise that there is nothing of this kind."""
    return Check(name, f"{len(found):,}", "0", not found, found[:_SHOWN])


def within(name: str, found: float | None, bound: float) -> Check:
    """A promise that something takes no longer than `bound` seconds; None: it never came."""
    kept = found is not None and found <= bound
    return Check(name, "never" if found is None else f"{found:.2f} s", f"{bound:.1f} s", kept)


class Report(NamedTuple):
    """A run's result."""

    settings: Settings
    injected: Mapping[Fault, int]
    checks: Sequence[Check]

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return all(check.kept for check in self.checks)

    def title(self) -> str:
        """What was run, in a line."""
        told = self.settings
        sessions = "default sessions" if told.defaults else "short sessions"
        return f"seed {told.seed} · {told.guarantee} · {told.protocol} · {told.brokers} broker(s) · {sessions}"

    def broken(self) -> str:
        """The promises that were not kept, with examples, as text."""
        return "\n".join(
            f"{check.name}: {check.found}, allowed {check.allowed}" + "".join(f"\n  {one}" for one in check.examples)
            for check in self.checks
            if not check.kept
        )

    def tables(self) -> Sequence[Table]:
        """Faults and checks."""
        faults = Table("fault", "times")
        for fault, times in sorted(self.injected.items()):
            faults.add_row(fault.value, str(times))
        checks = Table("check", "found", "allowed", "")
        for check in self.checks:
            mark = Text("✔", "green") if check.kept else Text("✘", "bold red")
            checks.add_row(check.name, check.found, check.allowed, mark)
        return [faults, checks]
