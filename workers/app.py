"""What a user declares: a group and its agents. A registry; it connects to nothing and starts nothing."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, overload

from msgspec import UNSET, UnsetType

from workers.agent import Agent
from workers.declaring import (
    checked_batch,
    checked_codec,
    checked_group,
    checked_guarantee,
    checked_retries,
    dead_letter_topic,
    make_agent,
)
from workers.decorators import BatchDecorator, HandlerDecorator
from workers.delayed import delayed_agents
from workers.errors import AppInvalid
from workers.guarantee import GuaranteeName
from workers.handlers import place_of
from workers.hooks import Hooks, Local
from workers.retry import Retry
from workers.tiers import tiers
from workers.topics import check_topic

if TYPE_CHECKING:
    from typing_extensions import TypeForm  # type checkers bring it along; nothing needs it while running

V = TypeVar("V")
H = TypeVar("H", bound=Callable[..., Any])
Hook = TypeVar("Hook", bound=Callable[[], Any])

CodecName = Literal["json", "msgpack", "raw"]

DEAD_LETTER: Final = "{topic}.{group}.dead"


class App:
    """The agents of one consumer group.

    Args:
        group: the consumer group. The setting `group` of the pool takes precedence.
        retries: how a failed record is tried again, where an agent does not say.
        dead_letter: where a record goes that failed for good, where an agent does not say. `{topic}` and `{group}`
            stand for the agent's own. None: such a record is fatal to its worker, and stays uncommitted.
        codec: how values are written, where an agent does not say: "json", "msgpack" or "raw".
        guarantee: "at_least_once" or "exactly_once"; see the README.

    Raises:
        AppInvalid: an argument cannot be what it is.

    Example:
        app = App("iot-alerts")

        @app.agent("real-time-data", value=SensorData, output="alerts")
        def alert(reading: SensorData) -> Alert | None:
            return Alert(reading.device_id) if reading.temperature > 50 else None
    """

    def __init__(
        self,
        group: str,
        *,
        retries: Retry = Retry(),  # noqa: B008 frozen
        dead_letter: str | None = DEAD_LETTER,
        codec: CodecName = "json",
        guarantee: GuaranteeName = "at_least_once",
    ) -> None:
        self._group = checked_group(group)
        self.guarantee = checked_guarantee(guarantee)
        """What holds over failures; the setting of the same name wins."""
        self._retries = checked_retries(retries)
        self._dead_letter = dead_letter
        self._codec = checked_codec(codec)
        self._agents: dict[str, Agent] = {}
        self._templates: dict[str, str | None] = {}
        self.local = Local()
        """What belongs to this worker process; see `on_start`."""
        self._hooks = Hooks(self.local)

    @property
    def group(self) -> str:
        """The consumer group."""
        return self._group

    @property
    def agents(self) -> Mapping[str, Agent]:
        """The agents by their input topic, in the order of their declaration."""
        return MappingProxyType(self._agents)

    def agent_for(self, topic: str) -> Agent:
        """The agent that handles the records of `topic`, be it an input or a retry topic.

        Raises:
            LookupError: none does.
        """
        for agent in self._agents.values():
            for one in (agent, *delayed_agents(agent)):
                if one.topic == topic:
                    return one
        raise LookupError(f"no agent reads topic {topic!r}; the app reads {', '.join(self._agents)}")

    @overload
    def agent(
        self,
        topic: str,
        *,
        value: "TypeForm[V]",
        key: Any = str,
        output: str | None = None,
        codec: CodecName | None = None,
        batch: None = None,
        retries: Retry | None = None,
        dead_letter: str | UnsetType | None = UNSET,
    ) -> HandlerDecorator[V]: ...
    @overload
    def agent(
        self,
        topic: str,
        *,
        value: "TypeForm[V]",
        key: Any = str,
        output: str | None = None,
        codec: CodecName | None = None,
        batch: int,
        retries: Retry | None = None,
        dead_letter: str | UnsetType | None = UNSET,
    ) -> BatchDecorator[V]: ...
    def agent(
        self,
        topic: str,
        *,
        value: Any,
        key: Any = str,
        output: str | None = None,
        codec: CodecName | None = None,
        batch: int | None = None,
        retries: Retry | None = None,
        dead_letter: str | UnsetType | None = UNSET,
    ) -> Callable[[H], H]:
        """Declare a handler for all records of a topic.

        The handler takes the value, or the value and a Record. It returns None for no result, one value, an Output, or
        several of these as a list or an iterator. The decorator returns it unchanged.

        Args:
            topic: the input topic.
            value: the type of values: any that msgspec decodes. bytes come as they are in every codec; `T | None` lets
                tombstones through as None.
            key: the type of keys: `str` (UTF-8), bytes, None (never read), or any that the codec decodes.
            output: the topic for results that name none.
            codec: how values are written, in and out; left out, as the App says.
            batch: hand the handler lists of up to so many values (and Records) in place of one.
            retries: how a failed record is tried again; left out, as the App says.
            dead_letter: the topic for records that failed for good, None for none; left out, as the App says.

        Raises:
            AppInvalid: when the decorator is applied: what is declared cannot work. The text names the place.
        """

        def register(handler: H) -> H:
            policy = self._retries if retries is None else retries
            template = self._dead_letter if dead_letter is UNSET else dead_letter
            try:
                self._check_free(topic)
                made = make_agent(
                    handler,
                    check_topic(topic, "the topic"),
                    value=value,
                    key=key,
                    output=output if output is None else check_topic(output, "output="),
                    codec=self._codec if codec is None else checked_codec(codec),
                    batch=checked_batch(batch),
                    retries=policy,
                )
                letters = dead_letter_topic(template, topic, self._group)
                later = tiers(policy.delayed, topic, self._group)
            except AppInvalid as problem:
                raise AppInvalid(f"agent {place_of(handler)} of topic {topic!r}: {problem}") from problem.__cause__
            self._templates[topic] = template
            self._agents[topic] = replace(made, dead_letter=letters, tiers=later)
            return handler

        return register

    def on_start(self, function: Hook) -> Hook:
        """Run a function without arguments in each worker, before its first record.

        What it returns, unless None, is kept as `app.local.<its name>`. A generator function yields that value instead,
        once; what stands behind the yield runs when the worker stops. One that raises is a worker that fails.

        Raises:
            AppInvalid: the function is async or takes arguments.

        Example:
            @app.on_start
            def database() -> Iterator[Connection]:
                with connect() as connection:
                    yield connection
        """
        self._hooks.add(function, start=True)
        return function

    def on_stop(self, function: Hook) -> Hook:
        """Run a function without arguments when a worker drains, after its last record; last declared, first run.

        Raises:
            AppInvalid: the function is async, a generator, or takes arguments.
        """
        self._hooks.add(function, start=False)
        return function

    def start(self) -> None:
        """Run the `on_start` functions, in their order.

        Raises:
            StartFailed: one of them raised; what had started before it is stopped again.
        """
        self._hooks.start()

    def stop(self) -> None:
        """Stop in reverse what has started, all of it even where one raises, and empty `local`.

        Raises:
            BaseExceptionGroup: of all that was raised.
        """
        self._hooks.stop()

    def use_group(self, group: str) -> None:
        """Take another group, and its dead-letter and retry topics with it.

        Raises:
            AppInvalid: it cannot be a group.
        """
        self._group = checked_group(group)
        for topic, agent in self._agents.items():
            letters = dead_letter_topic(self._templates[topic], topic, group)
            later = tiers(agent.retries.delayed, topic, group)
            self._agents[topic] = replace(agent, dead_letter=letters, tiers=later)

    def check(self) -> None:
        """Check what only the whole app can show.

        Raises:
            AppInvalid: there is nothing to run, or one agent would read what another one puts aside.
        """
        if not self._agents:
            raise AppInvalid(
                f"the app of group {self._group!r} has no agent: decorate a function with @app.agent(TOPIC, value=…) "
                "in its module or in one that it imports"
            )

        for agent in self._agents.values():
            for tier in agent.tiers:
                if tier.topic in self._agents:
                    raise AppInvalid(
                        f"agent {place_of(self._agents[tier.topic].handler)} reads {tier.topic}, where records of "
                        f"topic {agent.topic!r} wait for their next attempt (delayed=): take another topic"
                    )

    def _check_free(self, topic: str) -> None:
        other = self._agents.get(topic)
        if other is not None:
            raise AppInvalid(f"the topic has an agent, {place_of(other.handler)}, and can have but one")
