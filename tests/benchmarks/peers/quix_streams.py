"""The sensor job in Quix Streams: a StreamingDataFrame, one process of the group for each partition.

As its documentation has it: `commit_interval` and batching are its defaults; topics are there, so none is created.
"""

import os
from typing import Any

from quixstreams import Application


def alert(reading: dict[str, Any]) -> dict[str, Any]:
    return {"device_id": reading["device_id"], "temperature": reading["temperature"], "alert": "high"}


def main() -> None:
    app = Application(
        broker_address=os.environ["BENCH_BOOTSTRAP"],
        consumer_group=os.environ["BENCH_GROUP"],
        auto_offset_reset="earliest",
        processing_guarantee="at-least-once",
        auto_create_topics=False,
        state_dir=os.environ["BENCH_DIRECTORY"],
        loglevel="WARNING",
        producer_extra_config={"compression.type": "lz4", "linger.ms": 5},
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
    )
    readings = app.topic(os.environ["BENCH_INPUT"], value_deserializer="json")
    alerts = app.topic(os.environ["BENCH_OUTPUT"], value_serializer="json")
    frame = app.dataframe(readings)
    frame = frame[frame["temperature"] > 50]
    frame = frame.apply(alert)
    frame.to_topic(alerts)
    app.run()


if __name__ == "__main__":
    main()
