"""Writing replayed records in transactions, on librdkafka's mock cluster."""

from collections.abc import Iterator

import pytest

from supervisor.dead_filter import Filter
from supervisor.dead_marks import Action, Mark
from supervisor.dead_transactions import DeadTransactionFailed, DeadTransactions
from tests.unit.mock_cluster import mock_cluster
from workers.kafka import Properties
from workers.sink import Parcel

QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with mock_cluster("in") as address:
        yield address


def test_what_never_fits_the_queue_says_what_to_raise(broker: str) -> None:
    mark = Mark("in.group.dead", "id", Action.REPLAY, Filter(group="group"), None)
    narrow: Properties = {"bootstrap.servers": broker, "queue.buffering.max.kbytes": 1, "batch.size": 1, **QUIET}
    transactions = DeadTransactions(narrow, "group", mark)
    transactions.take_over()
    for _ in range(3):  # more than the queue holds at once
        transactions.write(Parcel("in", bytes(600), None))
    with pytest.raises(DeadTransactionFailed, match=r"record for in is larger .* raise queue\.buffering\.max\.kbytes;"):
        transactions.write(Parcel("in", bytes(5000), None))
