"""What became of the generator's records, as the brokers told it."""

from collections import Counter

from confluent_kafka import KafkaError, Message

from supervisor.latencies import Latencies


class Recorder:
    """Counts delivery reports; its memory does not grow with their number."""

    def __init__(self) -> None:
        self.sent = 0
        """Records handed to the producer."""
        self.acknowledged = 0
        self.failures: Counter[str] = Counter()
        """Records that were not written, or whose fate is not known, by the error's name."""
        self.latencies = Latencies()
        """From handing a record over to its acknowledgement."""

    @property
    def failed(self) -> int:
        return self.failures.total()

    @property
    def outstanding(self) -> int:
        """Records of which no report has come yet."""
        return self.sent - self.acknowledged - self.failed

    def delivered(self, error: KafkaError | None, message: Message) -> None:
        """Take one delivery report; to be given to `Producer.produce` as `on_delivery`."""
        if error is not None:
            self.failures[error.name()] += 1
            return
        self.acknowledged += 1
        latency = message.latency()
        if latency is not None:
            self.latencies.add(latency)

    def refused(self, error: KafkaError) -> None:
        """Count a record that the producer did not even take."""
        self.sent += 1
        self.failures[error.name()] += 1
