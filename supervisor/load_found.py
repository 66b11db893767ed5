"""What reading a load's results found, held against each promise."""

from typing import Final, NamedTuple

import msgspec

_CURES: Final = {
    "gone": "are not in the topic: were they compacted, deleted for their age, or lost by the brokers?",
    "unnumbered": ("give results the record's `seq`, or its headers: Output(…, headers=record.headers)"),
    "unfounded": (
        "results of records that were to have none: not hot (does the app answer all? --expect all), malformed,"
        " tombstones, or another load's"
    ),
}
_WHICH: Final = {"all": "every record", "hot": "every hot record", "some": "some records"}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What `--verify` found."""

    output: str
    expect: str
    """Which records were to have a result: all, hot or some."""
    acknowledged: int
    """Records of the load that were acknowledged."""
    copies: int
    """Records of the load in the loaded topic."""
    records: int
    """Different ones of them."""
    foreign: int = 0
    """Records in the loaded topic that are not of this load."""
    expected: int | None
    """How many of them were to have a result; None where there is no telling."""
    answered: int
    results: int
    missing: int
    missing_numbers: list[int]
    """The first few of them."""
    repeated: int
    disordered: int
    keyed: bool = True
    """Whether records have keys, and with them an order."""
    unfounded: int
    """Records with a result that were to have none, or of which there is none."""
    unnumbered: int
    """Results that do not say which record they are of."""
    exactly_once: bool
    """Whether a repeated result breaks a promise."""
    error: str | None
    """Why the topics could not be read wholly."""

    @property
    def broken(self) -> bool:
        """Whether a promise is."""
        return any(check.kept is False for check in checks(self))

    @property
    def uncertain(self) -> bool:
        """Whether not all could be verified."""
        return any(check.kept is None for check in checks(self))

    @property
    def idle(self) -> bool:
        """Whether none was kept either: there is no result, and none was sure to come."""
        return not self.expected and not self.results


class Check(NamedTuple):
    """One promise."""

    kept: bool | None
    """None: that could not be verified."""
    name: str
    text: str
    """What was found."""


def checks(found: Found) -> list[Check]:
    """Each promise that was to be kept, and what could not be verified."""
    repeats = (
        "" if found.exactly_once or not found.repeated else " (at least once allows them; --exactly-once does not)"
    )
    rows = [
        _answered(found),
        Check(not (found.exactly_once and found.repeated), "none twice", f"{found.repeated:,} repeated{repeats}"),
    ]
    if found.keyed:
        rows.append(Check(not found.disordered, "in order within a key", f"{found.disordered:,} out of order"))
    if found.foreign:
        rows.append(Check(True, "not verified", f"{found.foreign:,} records in the topic that are not of this load"))
    if found.error is not None:
        rows.append(Check(None, "the topics can be read", found.error))
    elif found.copies < found.acknowledged:
        gone = found.acknowledged - found.copies
        rows.append(Check(None, "what was acknowledged can be read", f"{gone:,} {_CURES['gone']}"))
    if found.unfounded:
        rows.append(Check(False, "nothing else", f"{found.unfounded:,} {_CURES['unfounded']}"))
    if found.unnumbered:
        rows.append(Check(False, "each tells its record", f"{found.unnumbered:,} do not: {_CURES['unnumbered']}"))
    if found.expected and not found.results + found.unnumbered:
        rows.append(Check(_unread(found), "there are results", "none; does the pool run, and write to this topic?"))
    return rows


def _answered(found: Found) -> Check:
    expected = "" if found.expected is None else f" of {found.expected:,}"
    answered = found.answered if found.expected is None else found.expected - found.missing
    numbers = ", ".join(f"{number:,}" for number in found.missing_numbers)
    missing = f", {found.missing:,} missing: {numbers}{' …' if found.missing > len(found.missing_numbers) else ''}"
    which = _WHICH.get(found.expect, found.expect)
    text = f"{answered:,}{expected}{missing if found.missing else ''}"
    return Check(_unread(found) if found.missing else True, f"{which} has its result", text)


def _unread(found: Found) -> bool | None:
    """What is missing breaks a promise, unless it may only not have been read."""
    return False if found.error is None else None
