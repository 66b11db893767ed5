"""Names that Kafka accepts for a topic."""

import re

from workers.errors import AppInvalid

_LEGAL = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def check_topic(name: object, role: str) -> str:
    """The name, if a topic can have it.

    Raises:
        AppInvalid: naming `role`.
    """
    if isinstance(name, str) and _LEGAL.fullmatch(name) and name not in (".", ".."):
        return name
    raise AppInvalid(
        f"{role}: {name!r} is no topic's name. Letters, digits, '.', '_' and '-' are allowed, from 1 to 249 of them"
    )
