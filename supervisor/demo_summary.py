"""The demo's last word: what was sent, what came of it, and whether that is all."""

from dataclasses import dataclass

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from supervisor.demo_audit import Audit
from supervisor.recorder import Recorder
from workers.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, and what was found."""

    promise: str
    found: str
    passed: bool


def judge(recorder: Recorder, audit: Audit, committed: int, dead: int, exit_code: int | None) -> list[Check]:
    """Hold what the topics say against what was sent.

    Args:
        recorder: of the load.
        audit: having read both topics to their ends.
        committed: records that the group has committed.
        dead: records in the dead-letter topic.
        exit_code: the supervisor's; None: it had to be killed.
    """
    sent, missing, unfounded = recorder.sent, audit.missing(), audit.unfounded()
    return [
        Check("every record sent is in the topic", f"{audit.records:,} of {sent:,}", audit.records == sent),
        Check("every one was processed and committed", f"{committed:,} of {sent:,}", committed == sent),
        Check("every hot one was alerted", f"{audit.hot - missing:,} of {audit.hot:,}", missing == 0),
        Check("nothing else was", f"{unfounded:,} unfounded, {dead:,} dead letters", unfounded == dead == 0),
        Check("both topics were read to their ends", audit.error or "they were", audit.error is None),
        Check("the pool drained and ended", _ending(exit_code), exit_code == ExitCode.OK),
    ]


def print_summary(console: Console, checks: list[Check], facts: list[str]) -> None:
    """Print the checks, a line of further facts, and the verdict."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    for check in checks:
        mark = Text("✔", style="green") if check.passed else Text("✘", style="bold red")
        table.add_row(mark, check.promise, Text(check.found, style="dim" if check.passed else "bold red"))
    passed = all(check.passed for check in checks)
    verdict = (
        Text("Every record sent was processed, every hot one alerted.", style="bold green")
        if passed
        else Text("The promise was broken: see above.", style="bold red")
    )
    summary = Group(Text("\nWhat the topics say", style="bold"), table, Text(" · ".join(facts), style="dim"), verdict)
    console.print(summary)


def _ending(exit_code: int | None) -> str:
    return "it had to be killed" if exit_code is None else f"exit code {exit_code}"
