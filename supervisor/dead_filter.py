"""Which letters of a dead-letter topic are meant."""

from msgspec import Struct, structs

from supervisor.dead_letter import Letter
from workers.errors import ConfigInvalid
from workers.times import seconds_at


class Filter(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a letter must be; whatever is left out does not matter. It is stored, so its fields keep their names."""

    group: str | None = None
    """The consumer group that could not handle the record."""
    errors: tuple[str, ...] = ()
    """Error classes, any of which it has: with their module, or their last part alone."""
    text: str | None = None
    """What the error's message contains, in capitals or not."""
    since: int | None = None
    """Not set aside before this; milliseconds since the epoch."""
    until: int | None = None
    """Set aside before this; milliseconds since the epoch."""
    key: str | None = None
    """The record's key, in UTF-8."""
    partitions: tuple[int, ...] = ()
    """Partitions of the input topic, any of which it came from."""

    def of_group(self, group: str) -> "Filter":
        """The same, for the letters of one group."""
        return structs.replace(self, group=group)

    def matches(self, letter: Letter) -> bool:
        """Whether it is among those meant."""
        return (
            self.group in (None, letter.group)
            and (not self.errors or any(_is(letter.error, name) for name in self.errors))
            and (self.text is None or self.text.casefold() in letter.message.casefold())
            and (self.since is None or letter.failed_at >= self.since)
            and (self.until is None or letter.failed_at < self.until)
            and (self.key is None or letter.key == self.key.encode())
            and (not self.partitions or (letter.origin is not None and letter.origin.partition in self.partitions))
        )


def check_text(option: str, *texts: str | None) -> None:
    """See to it that an option's texts can be stored.

    Raises:
        ConfigInvalid: one is not UTF-8.
    """
    for text in texts:
        try:
            (text or "").encode()
        except UnicodeEncodeError:
            raise ConfigInvalid(f"{option} {text!a}: is not UTF-8") from None


def parse_time(option: str, text: str | None) -> int | None:
    """The milliseconds since the epoch that an option means, UTC where it says no zone; None for None.

    Raises:
        ConfigInvalid: it is no time.
    """
    if text is None:
        return None
    try:
        return round(seconds_at(text) * 1000)
    except ValueError:
        raise ConfigInvalid(f"{option} {text}: must be a time such as 2026-01-31T12:00:00Z") from None


def _is(error: str, name: str) -> bool:
    return error == name or error.endswith(f".{name}")
