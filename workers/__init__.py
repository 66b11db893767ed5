"""Partition Pool: a worker process for each Kafka partition. What a user imports, nothing else."""

from workers.app import App
from workers.errors import Reject
from workers.records import Output, Record
from workers.retry import Retry

__all__ = ["App", "Output", "Record", "Reject", "Retry"]
