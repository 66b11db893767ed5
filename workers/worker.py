"""A worker's life, from the fork to its exit code."""

import faulthandler
import traceback
from time import monotonic_ns
from typing import Final

from confluent_kafka import Consumer, KafkaException, Producer

from workers import kafka, metrics
from workers.app import App
from workers.care import Care, Condemned
from workers.delayed_source import DelayedSource
from workers.endings import CannotStart, WorkerExit, WorkerMustEnd
from workers.errors import WorkerKiller
from workers.guarantee import Guarantee
from workers.guard import Guard
from workers.log import add_facts, log
from workers.outbox import LINGER
from workers.protocol import Channel, Ended, Fork, Killer, Ready, Setup, ToWorker
from workers.queues import ahead, held
from workers.records import TopicPartition
from workers.replay import Replays
from workers.settings import Settings
from workers.sink import KafkaSink
from workers.slot import BEAT, COMMITTABLE, POLLED, POSITION
from workers.source import KafkaSource, Source
from workers.statistics import ClientStatistics
from workers.takeover import begin
from workers.task import PartitionTask
from workers.transactional_sink import TransactionalSink
from workers.watch import Watch

CONNECT_SECONDS: Final = 1.0
"""How long a worker waits for its producer's connection before it begins all the same."""


def live(
    app: App, setup: Setup, job: Fork, *, words: memoryview, channel: Channel[ToWorker], crash_fd: int
) -> WorkerExit:
    """Run one partition's worker, and tell the supervisor how it ended; the caller exits with what this returns.

    Args:
        app: the user's app.
        setup: what all workers share.
        job: the partition, and where to start.
        words: the worker's slot.
        channel: to the supervisor.
        crash_fd: the file that takes the stacks of a crash; the supervisor reads it afterwards.
    """
    faulthandler.enable(file=crash_fd, all_threads=True)
    add_facts(topic=job.topic, partition=job.partition)
    metrics.identify(job.slot)
    reason, text = WorkerExit.DRAINED, ""
    try:
        _work(app, setup, job, words, channel)
    except WorkerMustEnd as end:
        reason, text = end.exit, str(end)
    except BaseException:  # noqa: BLE001 - whatever it is, the supervisor is told
        reason, text = WorkerExit.CRASHED, traceback.format_exc()
    channel.send(Ended.told(reason, text))
    return reason


def _work(app: App, setup: Setup, job: Fork, words: memoryview, channel: Channel[ToWorker]) -> None:
    """Start, work until drained, stop; in this order:

    1. run the app's `on_start` hooks;
    2. connect, and assign the partition at its absolute offset;
    3. tell the supervisor, and listen to it;
    4. work until drained;
    5. run the app's `on_stop` hooks.
    """
    words[BEAT] = monotonic_ns()
    watch = Watch(channel, words, job.metadata)
    try:
        app.start()
    except (Exception, SystemExit) as error:
        raise CannotStart(traceback.format_exc()) from error
    try:
        task = _begin(app, setup, job, words, watch)
        channel.send(Ready())
        watch.start()
        task.run()
    except WorkerMustEnd as end:
        # Before the hooks: whatever becomes of them is not the doing of a record that was in hand.
        channel.send(Ended.told(end.exit, str(end)))
        raise
    finally:
        _stop(app)


def _begin(app: App, setup: Setup, job: Fork, words: memoryview, watch: Watch) -> PartitionTask:
    try:
        return _connect(app, setup, job, words, watch)
    except WorkerMustEnd:
        raise  # somebody was quicker, or brokers fail: neither the app nor its settings are at fault
    except (Exception, SystemExit) as error:
        raise CannotStart(traceback.format_exc()) from error


def _connect(app: App, setup: Setup, job: Fork, words: memoryview, watch: Watch) -> PartitionTask:
    settings = setup.settings
    statistics = ClientStatistics(words, settings.longest_backoff)
    properties_out = kafka.worker_producer(
        settings.client("producer"), job.max_message_bytes, statistics.producer, job.room
    )
    properties_in = kafka.worker_consumer(settings.client("consumer"), app.group, statistics.consumer, job.room)
    start = job.start
    agent = app.agent_for(job.topic)
    # A producer that asks for a topic can make it: the input may just have been deleted, an output not be there yet.
    writes = agent.dead_letter or agent.output
    atomic = (settings.guarantee or app.guarantee) == Guarantee.EXACTLY_ONCE
    if atomic:
        place = TopicPartition(job.topic, job.partition)
        producer = Producer(kafka.transactional(properties_out, app.group, place))
        transactions = TransactionalSink(producer, place, watch.alive, statistics.sink)
        consumer = Consumer({**properties_in, **kafka.READS_TRANSACTIONS})
        _await_brokers(producer, writes)  # or its id, too, would take 500 ms
        # A consumer that is connected before it has a partition would look for that one's leader a second later.
        _await_brokers(consumer, job.topic)
        start = begin(transactions, consumer, start)
        sink: KafkaSink = transactions
    else:
        producer, consumer = Producer(properties_out), Consumer(properties_in)
        sink = KafkaSink(producer, statistics.sink)
    # Before it reads: where it stands is what the supervisor goes by.
    words[POSITION] = words[COMMITTABLE] = words[POLLED] = start
    most = min(settings.batch_size, settings.flush_records or settings.batch_size) if atomic else settings.batch_size
    early = ahead(job.room)
    at_once = min(most, early.records) if agent.delay else most
    reading = KafkaSource(consumer, job.topic, job.partition, start, at_once, statistics.source)
    source: Source = DelayedSource(reading, agent.delay, early, most) if agent.delay else reading
    if not atomic:  # whose producer has waited before
        _await_brokers(producer, writes)
    condemned = {offset: Condemned(_killed_by(killer), killer.deaths) for offset, killer in job.condemned.items()}
    return PartitionTask(
        agent,
        source,
        sink,
        words,
        watch,
        group=app.group,
        flush_interval=settings.flush_interval,
        flush_records=settings.flush_records,
        care=Care(job.careful_until, condemned, job.alone_until),
        proof_interval=settings.lease_seconds / 3,
        replays=Replays(settings.replays),
        # What lies in a retry topic has failed before, and much of it fails by itself: there it could tell nothing.
        guard=None if agent.delay else _guard(settings, words),
        held=held(job.room),
        linger=None if "linger.ms" in settings.client("producer") else LINGER,
    )


def _guard(settings: Settings, words: memoryview) -> Guard | None:
    if settings.guard_share == 1:
        return None
    return Guard(words, share=settings.guard_share, window=settings.guard_window, wait=settings.guard_wait)


def _killed_by(killer: Killer) -> WorkerKiller:
    error = WorkerKiller(killer.cause)
    if killer.stacks:
        error.add_note(killer.stacks)  # stands in the dead letter's traceback
    return error


def _await_brokers(client: Producer | Consumer, topic: str | None) -> None:
    """Wait for a client's connection, by asking for a topic (None: for all); while brokers are away, not for long.

    What an idempotent producer is given before that waits 500 ms for its next look: so would every worker's first
    results, and be repeated when it dies meanwhile. The consumer connects at the same time.
    """
    try:
        # The first request learns who the brokers are, the second connects to one of them: 30 ms for both.
        client.list_topics(topic, timeout=CONNECT_SECONDS)
        client.list_topics(topic, timeout=CONNECT_SECONDS)
    except KafkaException:
        log.debug("brokers_awaited", seconds=CONNECT_SECONDS)


def _stop(app: App) -> None:
    try:
        app.stop()
    except BaseException:  # noqa: BLE001
        # All is flushed by now: a hook that fails, or calls sys.exit, must not make a drained worker look undrained.
        log.exception("on_stop_failed")
