"""Times as people write them."""

from datetime import UTC, datetime


def seconds_at(text: str) -> float:
    """Seconds since 1970 at an ISO 8601 time; one that names no zone is UTC.

    Raises:
        ValueError: it is no such time.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
