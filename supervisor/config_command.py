"""`config`: the settings in force, in the form of the file that would set them.

What the pool sets of librdkafka's properties by itself stands behind it, in comments: in a file it would be the user's.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from workers.config import Loaded
from workers.kafka import own
from workers.librdkafka_properties import Value
from workers.settings import FIELDS, Settings, redacted

_EDGE: Final = 44
"""Column at which a line's origin begins, where the setting leaves room for it."""


def show(loaded: Loaded) -> str:
    """All settings as TOML, each with its origin in a comment, secrets redacted."""
    settings = loaded.settings
    lines = [f"# file: {loaded.path}" if loaded.path else "# file: none"]
    for name in FIELDS:
        value = getattr(settings, name)
        lines.append(_line(name, value, _implied(settings, name) or loaded.origins[name]))
    for section, properties in (
        ("kafka", settings.kafka),
        ("kafka.consumer", settings.kafka_consumer),
        ("kafka.producer", settings.kafka_producer),
    ):
        lines.extend(_section(section, redacted(properties), loaded.origins))
    lines.append("\n# what the pool sets of librdkafka's properties by itself; what is set above is left out")
    for clients, theirs in own(settings):
        lines.append(f"# {clients}:")
        lines.extend(_own_line(*one) for one in theirs)
    return "\n".join(lines) + "\n"


def _section(name: str, properties: Mapping[str, Value], origins: Mapping[str, str]) -> Iterator[str]:
    if properties:
        yield f"\n[{name}]"
    for key, value in sorted(properties.items()):
        yield _line(key, value, origins[f"{name}.{key}"])


def _line(name: str, value: object, origin: str) -> str:
    # A basic string of TOML is written as one of JSON is; other scalars, too.
    text = f"# {name} is not set" if value is None else f"{name} = {json.dumps(value, ensure_ascii=False)}"
    return f"{text:<{_EDGE}}  # {origin}"


def _own_line(name: str, value: Value | None, origin: str) -> str:
    text = f"#   {name}" if value is None else f"#   {name} = {json.dumps(value)}"
    return f"{text:<{_EDGE}}  # {origin}"


def _implied(settings: Settings, name: str) -> str | None:
    """What follows from a default that depends on others."""
    if name == "lease" and settings.lease is None:
        return f"default, {settings.lease_seconds:g} s here"
    return None
