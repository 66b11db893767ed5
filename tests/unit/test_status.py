"""The status document is what the issue names, and survives versions that know more."""

import json

import msgspec
import pytest

from supervisor.status import PartitionStatus, PoolStatus, lag

POOL = PoolStatus(
    state="running",
    group="alerts",
    protocol="classic",
    uptime_s=1.5,
    partitions=[PartitionStatus(topic="t", partition=0, state="waiting")],
)


def test_the_document_names_every_field() -> None:
    document = json.loads(POOL.to_json())
    assert {"state", "group", "member_id", "generation", "protocol", "uptime_s", "partitions"} <= document.keys()
    assert list(document["partitions"][0]) == [
        *("topic", "partition", "pid", "state", "position", "committed", "end", "lag"),
        *("records", "results", "dead_letters", "restarts", "rate", "guarded"),
    ]


def test_it_reads_back() -> None:
    assert PoolStatus.from_json(POOL.to_json()) == POOL


def test_a_later_versions_field_is_passed_over() -> None:
    document = json.loads(POOL.to_json()) | {"colour": "blue"}
    assert PoolStatus.from_json(json.dumps(document).encode()) == POOL


def test_another_programs_answer_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        PoolStatus.from_json(b'{"ok": true}')


@pytest.mark.parametrize(
    ("committed", "end", "expected"), [(3, 10, 7), (10, 10, 0), (11, 10, 0), (None, 10, None), (3, None, None)]
)
def test_lag(committed: int | None, end: int | None, expected: int | None) -> None:
    assert lag(committed, end) == expected
