"""Reads the settings: command line over environment over file over defaults, checked once, each with its origin."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from workers.config_rules import contradictions, forbidden
from workers.config_sources import Entry, Sources
from workers.errors import ConfigInvalid
from workers.librdkafka_properties import Value, find
from workers.settings import FIELDS, Settings
from workers.times import seconds_at

DEFAULT_FILE: Final = Path("pool.toml")
DEFAULT: Final = "default"

_SIZES: Final = frozenset({"max_memory", "memory_budget"})
_LOWER_CASE: Final = frozenset({"on_data_loss", "replays", "log_format", "log_level"})


class Loaded(msgspec.Struct, frozen=True):
    """The settings in force.

    Attributes:
        settings: checked.
        origins: where each came from, by its full name: `drain_timeout`, `kafka.linger.ms`.
        path: the file that was read, if any.
    """

    settings: Settings
    origins: dict[str, str]
    path: Path | None


def load(flags: Mapping[str, object], environ: Mapping[str, str], path: Path | None) -> Loaded:
    """Read and check all settings.

    Args:
        flags: what the command line says, by the names of a TOML file; None is not given.
        environ: the environment.
        path: the TOML file; None: `POOL_CONFIG`'s, else `pool.toml` where it exists.

    Raises:
        ConfigInvalid: with every problem there is.
    """
    path = _file(environ, path)
    sources = Sources()
    entries: dict[str, Entry] = {}
    given = {name: value for name, value in flags.items() if value is not None}
    for layer in (sources.file(path) if path else (), sources.environment(environ), sources.flags(given)):
        entries.update(_layer(layer, sources.problems))
    values, problems = _checked(entries.values())
    problems = [*sources.problems, *problems]
    settings = msgspec.convert(values, Settings)
    if problems := problems or [*contradictions(settings)]:
        raise ConfigInvalid(_report(problems))
    origins = dict.fromkeys(FIELDS, DEFAULT) | {key: entry.origin for key, entry in entries.items()}
    return Loaded(settings, origins, path)


def _file(environ: Mapping[str, str], path: Path | None) -> Path | None:
    if path is None and environ.get("POOL_CONFIG"):
        return Path(environ["POOL_CONFIG"])
    if path is None and DEFAULT_FILE.exists():
        return DEFAULT_FILE
    return path


def _layer(entries: Iterable[Entry], problems: list[str]) -> dict[str, Entry]:
    """The entries of one source; two of the same setting, under its aliases, contradict each other."""
    layer: dict[str, Entry] = {}
    for entry in entries:
        if entry.key in layer:
            problems.append(f"{entry.key} ({entry.origin}): is set twice; keep one of its names")
        layer[entry.key] = entry
    return layer


def _checked(entries: Iterable[Entry]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {"kafka": {}, "kafka_consumer": {}, "kafka_producer": {}}
    problems = []
    for entry in entries:
        try:
            if entry.section:
                values[entry.section.replace(".", "_")][entry.name] = _property(entry)
            else:
                values[entry.name] = _setting(entry)
        except ConfigInvalid as error:
            problems.append(f"{entry.key} = {entry.shown} ({entry.origin}): {error}")
    return values, problems


def _property(entry: Entry) -> Value:
    known = find(entry.name)
    assert known is not None, entry.name
    try:
        value = known.parse(entry.value if isinstance(entry.value, Value) else str(entry.value))
    except ValueError:
        raise ConfigInvalid(f"must be {known.allowed}") from None
    if why := forbidden(entry, value):
        raise ConfigInvalid(why)
    return value


def _setting(entry: Entry) -> object:
    field = FIELDS[entry.name]
    value = entry.value
    if isinstance(value, str):
        value = value.strip().lower() if entry.name in _LOWER_CASE else value.strip()
    try:
        if entry.name == "start":
            value = _start(value)
        elif entry.name in _SIZES:
            value = _bytes(value)
        return msgspec.convert(value, field.type, strict=False)
    except (msgspec.ValidationError, ValueError):
        raise ConfigInvalid(f"must be {field.allowed}") from None


def _start(value: object) -> object:
    """Milliseconds since 1970 where `value` is a time; one without a zone is UTC."""
    if isinstance(value, date):
        value = value.isoformat()
    if isinstance(value, int) and value < 0:
        raise ValueError("before 1970")
    if not isinstance(value, str) or value.isdecimal():
        return value
    if value.lower() in ("earliest", "latest"):
        return value.lower()
    if (milliseconds := round(seconds_at(value) * 1000)) < 0:
        raise ValueError("before 1970")
    return milliseconds


def _bytes(value: object) -> object:
    """Bytes where `value` is a size such as 512M, 512MB or 0.5GiB; a thousand is 1024 here."""
    size = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt])(?:i?b)?", value.lower()) if isinstance(value, str) else None
    return round(float(size[1]) * 1024 ** (1 + "kmgt".index(size[2]))) if size else value


def _report(problems: list[str]) -> str:
    if len(problems) == 1:
        return problems[0]
    return "\n".join([f"{len(problems)} settings are wrong:", *(f"  {problem}" for problem in problems)])
