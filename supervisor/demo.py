"""`demo`: the whole product on one screen, with an embedded broker, and a summary that is read back from the topics."""

import os
import random
import time
from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaException, Producer
from rich.console import Console

from supervisor.demo_audit import Audit, SeenAlert
from supervisor.demo_broker import DemoBroker
from supervisor.demo_pool import DemoPool
from supervisor.demo_summary import Check, judge, print_summary
from supervisor.demo_view import LineView, LiveView, Scene, View, happened, logged
from supervisor.interrupt import Interrupt
from supervisor.latencies import milliseconds
from supervisor.payload import SensorPayload
from supervisor.recorder import Recorder
from supervisor.schedule import Steady
from supervisor.sender import Sender
from workers.errors import ExitCode
from workers.log import configure, kafka_logger

APP: Final = "supervisor.demo_app:app"
GROUP: Final = "iot-alerts"
READINGS: Final = "real-time-data"
ALERTS: Final = "alerts"
DEAD_LETTERS: Final = f"{READINGS}.{GROUP}.dead"

_HOT_SHARE: Final = 0.01
_TURN_SECONDS: Final = 0.1
_LOOK_SECONDS: Final = 0.25
_KILL_SECONDS: Final = (3.0, 6.0)
_START_SECONDS: Final = 30.0
_SETTLE_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 30.0
_PLAIN_WIDTH: Final = 120


def run(*, duration: float | None, rate: float, kill: bool) -> ExitCode:
    """Run the demo until its time is over or Ctrl-C, then print what the topics say.

    Args:
        duration: seconds of load; None: until Ctrl-C.
        rate: records per second.
        kill: end a random worker with SIGKILL now and then.

    Returns:
        FAILED where a record was not processed, or a hot one not alerted.

    Raises:
        DemoBrokerFailed: nothing was begun.
    """
    configure(level="error")  # the screen is taken
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=_PLAIN_WIDTH, highlight=False)  # a pipe has none
    view = LiveView(console) if console.is_terminal else LineView(console)
    env = _plain_environment()
    with (
        Interrupt() as interrupt,
        DemoBroker((READINGS, ALERTS, DEAD_LETTERS), env) as broker,
        DemoPool(APP, broker.address, env) as pool,
    ):
        demo = Demo(broker.address, pool, view, interrupt, duration=duration, rate=rate, kill=kill)
        with view:
            checks = demo.play()
        print_summary(console, checks, demo.facts())
    return ExitCode.OK if all(check.passed for check in checks) else ExitCode.FAILED


class Demo:
    """One run, in one thread: whatever waits does so by sending what is due.

    Args:
        broker: HOST:PORT.
        pool: started.
        view: entered.
        interrupt: asked at each turn.
        duration: seconds of load; None: until interrupted.
        rate: records per second.
        kill: whether workers are killed.
    """

    def __init__(
        self,
        broker: str,
        pool: DemoPool,
        view: View,
        interrupt: Interrupt,
        *,
        duration: float | None,
        rate: float,
        kill: bool,
    ) -> None:
        self._broker = broker
        self._pool = pool
        self._view = view
        self._interrupt = interrupt
        self._duration = duration
        self._rate = rate
        self.audit = Audit(broker, GROUP, READINGS, ALERTS)
        payload = SensorPayload(hot=_HOT_SHARE)
        self.sender = Sender(_producer(broker), READINGS, payload, Steady(rate), Recorder(), duration=duration)
        self.kills = 0
        self._kill = kill
        self._next_kill = 0.0
        self._next_look = 0.0

    def play(self) -> list[Check]:
        """Run it.

        1. Wait for the pool's workers.
        2. Load, until the time is over, somebody interrupts, or the pool ends.
        3. Wait for what was sent to be processed.
        4. Have the pool drain and end.
        5. Read the topics to their ends, and judge.
        """
        self._await_workers()
        self._load()
        self._settle()
        self._stop_pool()
        return self._judge()

    def facts(self) -> list[str]:
        """What else there is to say of the run."""
        median, late = (milliseconds(self.audit.latencies.percentile(share)) for share in (0.5, 0.99))
        facts = [f"reading to alert {median} p50, {late} p99"]
        if self.sender.behind:
            facts.append(f"{self.sender.behind:,} readings fewer were sent than asked for")
        if self.kills:
            facts.append(f"workers killed {self.kills}, restarted {self._pool.restarts}")
            facts.append(f"alerts repeated {self.audit.repeated:,}")
        return facts

    def _await_workers(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not self._pool.running and not self._ending() and time.monotonic() < deadline:
            self._turn("waiting for the pool to join its group", self.audit.read)

    def _load(self) -> None:
        self._view.event(happened(f"{READINGS} gets {self._rate:,.0f} readings a second, {_HOT_SHARE:.0%} of them hot"))
        self._next_kill = time.monotonic() + _KILL_SECONDS[0]
        while not self.sender.done and not self._ending():
            self._turn("running, Ctrl-C ends", self._send)
            self._kill_one_when_due()
        self.sender.stop()

    def _ending(self) -> bool:
        return self._interrupt.requested or self._pool.exit_code is not None

    def _send(self, seconds: float) -> list[SeenAlert]:
        self.sender.run_until(time.monotonic() + seconds)
        return self.audit.read()

    def _collect(self, seconds: float) -> list[SeenAlert]:
        self.sender.finish(seconds / 2)
        return self.audit.read(seconds / 2)

    def _turn(self, phase: str, work: Callable[[float], list[SeenAlert]]) -> None:
        """Do the phase's work for a moment, then take in and show what happened in it."""
        self._view.alerts(work(_TURN_SECONDS))
        for event in self._pool.events():
            self._view.event(logged(event))
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_SECONDS
            self._pool.look()
            self._view.show(self._scene(phase))

    def _kill_one_when_due(self) -> None:
        if not self._kill or time.monotonic() < self._next_kill:
            return
        self._next_kill = time.monotonic() + random.uniform(*_KILL_SECONDS)
        victim = self._pool.kill_one()
        if victim is not None:
            self.kills += 1
            self._view.event(happened("kill -9", "bold red", pid=victim.pid, partition=victim.partition))

    def _settle(self) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS
        while not self._processed() and self._pool.exit_code is None:
            self._turn("waiting for the last records", self._collect)
            if time.monotonic() > deadline or self._interrupt.impatient:
                return

    def _processed(self) -> bool:
        """Whether every record is known to be through: acknowledged, read back, alerted if hot, committed."""
        recorder, audit = self.sender.recorder, self.audit
        through = recorder.outstanding == 0 and audit.records >= recorder.acknowledged and audit.alerts >= audit.hot
        return through and self._pool.settled

    def _stop_pool(self) -> None:
        deadline = time.monotonic() + _STOP_SECONDS
        self._pool.stop()
        while not self._pool.wait(_TURN_SECONDS) and time.monotonic() < deadline:
            self._turn("draining the pool", self._collect)

    def _judge(self) -> list[Check]:
        recorder, audit, pool = self.sender.recorder, self.audit, self._pool
        if not self.sender.finish(_TURN_SECONDS):
            self.sender.abandon()
        try:
            self._view.alerts(audit.read_to_end(_SETTLE_SECONDS))
            committed, dead = audit.committed(), audit.count(DEAD_LETTERS)
        except KafkaException as failure:
            return [Check("the topics can be read", str(failure), passed=False)]
        finally:
            audit.close()
        for event in pool.events():
            self._view.event(logged(event))
        pool.look()
        self._view.show(self._scene("done"))
        return judge(recorder, audit, committed, dead, pool.exit_code)

    def _scene(self, phase: str) -> Scene:
        return Scene(
            phase=phase,
            broker=self._broker,
            status=self._pool.status,
            elapsed=self.sender.elapsed,
            duration=self._duration,
            acknowledged=self.sender.recorder.acknowledged,
            hot=self.audit.hot,
            alerted=self.audit.alerts,
            repeated=self.audit.repeated,
            latencies=self.audit.latencies,
            kills=self.kills,
            restarts=self._pool.restarts,
        )


def _producer(broker: str) -> Producer:
    logs = kafka_logger("load")
    return Producer(
        {"bootstrap.servers": broker, "enable.idempotence": True, "logger": logs, "error_cb": logs.error_cb}
    )


def _plain_environment() -> dict[str, str]:
    """This process's environment without settings of a pool: the demo's own are to hold."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("POOL_", "KAFKA_"))}
