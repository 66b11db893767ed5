"""The verified load: records numbered for each key, sent past all proxies."""

import threading
import time
from collections import deque
from typing import Final

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from tests.faults.records import Deed, Numbered

_TURN: Final = 0.005
_FLUSH_SECONDS: Final = 60.0


class Load:
    """Sends at a steady rate from a thread of its own, and waits out what befalls the brokers.

    Args:
        bootstrap: the brokers.
        topic: where to.
        partitions: how many it has; key k goes to partition k modulo this.
        rate: records a second.
        keys: how many keys there are.
    """

    def __init__(self, bootstrap: str, topic: str, *, partitions: int, rate: int, keys: int) -> None:
        self.rate = rate
        self._topic = topic
        self._partitions = partitions
        self._next = [0] * keys
        self._sent = 0
        self._burst = 0
        self._refused: list[str] = []
        self._deeds: deque[Deed] = deque()
        self._encode = msgspec.json.Encoder().encode
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "log_level": 0,
                "linger.ms": 5,
                "enable.idempotence": True,
                "delivery.report.only.error": True,
                "message.timeout.ms": 0,
                "reconnect.backoff.max.ms": 500,
                # librdkafka 2.16 can stop connecting for ever where its cluster's only broker shuts down; workers that
                # this befalls are replaced (`workers.connection`), but nobody would replace the load.
                "enable.sparse.connections": False,
                "queue.buffering.max.messages": 2_000_000,
            }
        )

    @property
    def sent(self) -> int:
        """Records handed over so far."""
        return self._sent

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def ask(self, *deeds: Deed) -> None:
        """Have the next records do these."""
        self._deeds.extend(deeds)

    def burst(self, count: int) -> None:
        """Send so many more at once."""
        self._burst += count

    def stop(self) -> int:
        """Send no more, and wait until all is acknowledged; how many records that were.

        Raises:
            AssertionError: the brokers take no more of them, or have refused some.
        """
        self._stopping.set()
        self._thread.join()
        before = len(self._producer)
        while (left := self._producer.flush(_FLUSH_SECONDS)) and left < before:
            before = left  # brokers that are slow have time
        assert left == 0, f"{left} records of the load are stuck: none was acknowledged in {_FLUSH_SECONDS} s"
        assert not self._refused, f"{len(self._refused)} records of the load are refused: {self._refused[:5]}"
        return self._sent

    def _run(self) -> None:
        begun = time.monotonic()
        steady = 0
        while not self._stopping.wait(_TURN):
            due = int((time.monotonic() - begun) * self.rate) - steady
            steady += due
            extra, self._burst = self._burst, 0
            for _ in range(due + extra):
                self._send()
            self._producer.poll(0)

    def _send(self) -> None:
        key = self._sent % len(self._next)
        do = self._deeds.popleft() if self._deeds else Deed.PASS
        value = self._encode(Numbered(key, self._next[key], time.monotonic_ns(), do))
        self._producer.produce(self._topic, value, str(key), key % self._partitions, on_delivery=self._failed)
        self._next[key] += 1
        self._sent += 1

    def _failed(self, error: KafkaError | None, message: Message) -> None:
        self._refused.append(f"{message.topic()}[{message.partition()}]: {error}")
