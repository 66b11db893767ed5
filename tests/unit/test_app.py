"""What can be declared, and what is refused with its place and its cure."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest

from workers import App, Record, Retry
from workers.errors import AppInvalid
from workers.testing import record


class Reading(msgspec.Struct):
    n: int


class Foreign:
    """A class that msgspec knows nothing about."""


def handler(reading: Reading) -> None: ...


def declare(function: Any = handler, topic: Any = "in", **declared: Any) -> App:
    app = App("group")
    app.agent(topic, **({"value": Reading} | declared))(function)
    return app


def test_an_agent_is_what_it_was_declared_to_be() -> None:
    app = App("iot-alerts")
    retries = Retry(attempts=7)

    @app.agent("in", value=Reading, output="out", batch=5, retries=retries)
    def alert(readings: list[Reading], records: list[Record]) -> None: ...

    agent = app.agents["in"]
    assert (agent.name, agent.topic, agent.output, agent.batch) == ("alert", "in", "out", 5)
    assert agent.retries is retries
    assert agent.wants_record
    assert agent.handler is alert
    assert agent.dead_letter == "in.iot-alerts.dead"


def test_a_decorated_function_stays_the_function() -> None:
    app = App("group")
    assert app.agent("in", value=Reading)(handler) is handler


def test_agents_are_kept_in_their_order_and_cannot_be_changed_from_outside() -> None:
    app = App("group")
    for topic in ("b", "a", "c"):
        app.agent(topic, value=Reading)(handler)
    assert list(app.agents) == ["b", "a", "c"]
    with pytest.raises(TypeError):
        app.agents["d"] = app.agents["a"]  # type: ignore[index]  # what the test is about


def test_an_agent_has_the_apps_defaults_unless_it_says_otherwise() -> None:
    app = App("group", retries=Retry(attempts=1), dead_letter="dead-{topic}", codec="msgpack")
    app.agent("a", value=Reading)(handler)
    app.agent("b", value=Reading, retries=Retry(attempts=2), dead_letter=None, codec="json")(handler)
    a, b = app.agents["a"], app.agents["b"]
    assert (a.retries.attempts, a.dead_letter, a.codec) == (1, "dead-a", "msgpack")
    assert (b.retries.attempts, b.dead_letter, b.codec) == (2, None, "json")


def test_another_group_takes_its_own_dead_letter_topics() -> None:
    app = App("group")
    app.agent("a", value=Reading)(handler)
    app.agent("b", value=Reading, dead_letter="all-dead")(handler)
    app.agent("c", value=Reading, dead_letter=None)(handler)
    app.use_group("other")
    assert app.group == "other"
    assert [agent.dead_letter for agent in app.agents.values()] == ["a.other.dead", "all-dead", None]


class Callables:
    """Handlers of every form."""

    def __call__(self, reading: Reading) -> None: ...
    def method(self, reading: Reading) -> None: ...
    def with_record(self, reading: Reading, record: Record) -> None: ...


def with_default(reading: Reading, limit: int = 50) -> None: ...
def with_record(reading: Reading, record: Record, limit: int = 50) -> None: ...
def of_any_number(*readings: Reading) -> None: ...
def generator(reading: Reading) -> Iterator[int]:
    yield reading.n


@pytest.mark.parametrize(
    ("function", "wants_record"),
    [
        (handler, False),
        (generator, False),
        (with_default, False),
        (of_any_number, False),
        (Callables(), False),
        (Callables().method, False),
        (print, False),
        (str.upper, False),
        (partial(with_record, record=record()), False),
        (with_record, True),
        (Callables().with_record, True),
        (partial(with_record, limit=5), True),
        (lambda reading, _record: None, True),  # noqa: ARG005 the form is what counts
    ],
)
def test_parameters_without_default_say_whether_a_handler_wants_the_record(
    function: Callable[..., Any], wants_record: bool
) -> None:
    assert declare(function).agents["in"].wants_record is wants_record


async def async_handler(reading: Reading) -> None: ...
async def async_generator(reading: Reading) -> Any:
    yield reading


class AsyncCallable:
    async def __call__(self, reading: Reading) -> None: ...


def nothing() -> None: ...
def three(a: int, b: int, c: int) -> None: ...
def keyword(a: int, *, b: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (async_handler, "async"),
        (async_generator, "async"),
        (AsyncCallable(), "async"),
        (partial(async_handler), "async"),
        (Callables, "it is a class: pass an object of it"),
        (5, "cannot be called"),
        (nothing, "a handler is given the value"),
        (three, r"it needs \(a, b, c\)"),
        (keyword, r"it needs \(a, b\)"),
    ],
)
def test_what_is_no_handler_is_refused(function: Any, complaint: str) -> None:
    with pytest.raises(AppInvalid, match=complaint):
        declare(function)


@pytest.mark.parametrize(
    ("declared", "complaint"),
    [
        ({"topic": ""}, "'' is no topic's name"),
        ({"topic": "a b"}, "'a b' is no topic's name"),
        ({"topic": ".."}, "is no topic's name"),
        ({"topic": None}, "None is no topic's name"),
        ({"output": "a/b"}, "output=: 'a/b' is no topic's name"),
        ({"batch": 0}, "batch=0: give a whole number"),
        ({"batch": True}, "batch=True"),
        ({"batch": "5"}, "batch='5'"),
        ({"codec": "xml"}, 'codec=\'xml\' is unknown: "json", "msgpack", "raw" are known'),
        ({"codec": "raw"}, 'value=Reading cannot be decoded: codec="raw" gives bytes or str'),
        ({"value": Foreign}, "value=Foreign cannot be decoded"),
        ({"value": dict[str, Foreign]}, r"value=dict\[str, .*Foreign\] cannot be decoded"),
        ({"key": Foreign}, "key=Foreign cannot be decoded"),
        ({"retries": 3}, r"retries=3: give a Retry"),
        ({"dead_letter": 5}, "dead_letter=5: give a topic"),
        ({"dead_letter": "in"}, "dead_letter='in' is the input topic"),
        ({"dead_letter": "{tpoic}.dead"}, "dead_letter=: '{tpoic}.dead' is no topic's name"),
        ({"topic": "t" * 249}, "dead_letter=: .* is no topic's name"),
    ],
)
def test_a_mistake_names_its_place(declared: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AppInvalid, match=complaint) as refused:
        declare(**declared)
    line = handler.__code__.co_firstlineno
    assert f"agent handler() at {__file__}:{line} of topic" in str(refused.value)


def test_two_agents_for_one_topic_are_refused_with_both_places() -> None:
    app = declare()

    def second(reading: Reading) -> None: ...

    with pytest.raises(AppInvalid, match=r"agent second\(\) at .*: the topic has an agent, handler\(\) at .*"):
        app.agent("in", value=Reading)(second)
    assert app.agents["in"].handler is handler


def test_a_refused_agent_is_not_declared() -> None:
    app = App("group")
    with pytest.raises(AppInvalid):
        app.agent("in", value=Reading, dead_letter="in")(handler)
    assert dict(app.agents) == {}


@pytest.mark.parametrize("group", ["", None, 5])
def test_a_group_is_a_text_that_is_not_empty(group: Any) -> None:
    with pytest.raises(AppInvalid, match="give the consumer group"):
        App(group)


def test_the_apps_own_arguments_are_checked_at_once() -> None:
    with pytest.raises(AppInvalid, match="retries=5"):
        App("group", retries=5)  # type: ignore[arg-type]  # what the test is about
    with pytest.raises(AppInvalid, match="codec='xml'"):
        App("group", codec="xml")  # type: ignore[arg-type]  # what the test is about


def test_an_app_without_agents_is_refused() -> None:
    with pytest.raises(AppInvalid, match=r"group 'group' has no agent: decorate a function"):
        App("group").check()
    declare().check()
