"""The broker that the tests share, and the scenes they play on it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.broker import Broker, OwnBroker, own_or_skip, provide
from tests.support.figures import Figures, lines
from tests.support.rights import STRICT
from tests.support.scene import Scene
from tests.support.topics import Topics

MakeScene = Callable[..., Scene]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="waits at their full length: a handler of 60 s, for instance")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what is quick first."""
    items.sort(key=lambda item: "integration" in item.path.parts)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    measured = lines(terminalreporter.getreports("passed") + terminalreporter.getreports("failed"))
    if measured:
        terminalreporter.section("figures")
    for line in measured:
        terminalreporter.write_line(line)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figures:
    """Notes what a test measured; a table at the end shows it."""
    return Figures(request.node)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether waits are to have their full length."""
    return bool(request.config.getoption("--full"))


def _say(config: pytest.Config, line: str) -> None:
    report = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    assert report is not None
    assert capture is not None
    with capture.global_and_fixture_disabled():
        report.ensure_newline()
        report.write_line(line)


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """The broker to test on; the report says which one it is."""
    with provide() as found:
        _say(request.config, f"Kafka: {found.describe()}")
        yield found


@pytest.fixture(scope="session")
def topics(broker: Broker) -> Topics:
    return Topics(broker.bootstrap)


@pytest.fixture
def make_scene(topics: Topics, tmp_path: Path) -> Iterator[MakeScene]:
    """Makes scenes; `Scene` tells the arguments. Their pools are ended with the test."""
    with ExitStack() as ending:

        def make(on: Topics = topics, *, partitions: int = 4, create: bool = True) -> Scene:
            scene = Scene(on, tmp_path, partitions=partitions, create=create)
            ending.callback(scene.close)
            return scene

        yield make


@pytest.fixture
def scene(make_scene: MakeScene) -> Scene:
    """A scene with an input topic of four partitions."""
    return make_scene()


@pytest.fixture(scope="module")
def strict_broker() -> Iterator[OwnBroker]:
    """A broker that knows who may do what."""
    with own_or_skip(STRICT) as broker:
        yield broker


@pytest.fixture
def breakable_broker() -> Iterator[OwnBroker]:
    """A broker of the test's own, to stop and to freeze."""
    with own_or_skip() as broker:
        yield broker
