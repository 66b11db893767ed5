"""The fork server over its incarnations: one follows when all workers of the dead one are dead, and not too soon."""

from typing import Any

import pytest

from supervisor import app_host
from supervisor.app_host import AppHost
from tests.unit.supervisor_parts import Clock
from workers import App
from workers.errors import AppInvalid
from workers.loading import Declaration, declaration
from workers.protocol import Exited, FromForkServer, Loaded, Refused, Setup
from workers.settings import Settings


class Server:
    """In place of a fork server: what was done to it."""

    made: "list[Server]"

    def __init__(self, *arguments: Any) -> None:
        self.done: list[str] = []
        self._on_message = arguments[-1]
        Server.made.append(self)

    def says(self, message: FromForkServer | None) -> None:
        self._on_message(message)

    def kill(self) -> None:
        self.done.append("kill")

    def silence(self) -> None:
        self.done.append("silence")

    def close(self) -> None:
        self.done.append("close")


class Workers:
    """In place of a pool: its server, and whether its workers are dead."""

    def __init__(self) -> None:
        self.server: Any = None
        self.partitions = {"in[0]": None}
        self.workers: list[Any] = []
        self.dead = False
        self.hangs = False
        self.heard: list[Any] = []

    def kill(self, _names: Any, cause: str) -> None:
        self.heard.append(cause)

    def bury_orphans(self) -> bool:
        return self.dead

    def unconfirmed(self) -> bool:
        return self.hangs

    def on_fork(self, message: Any) -> None:
        self.heard.append(message)


class Scene:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.pool = Workers()
        self.loaded: list[Declaration] = []
        nothing: Any = None
        pool: Any = self.pool
        setup = Setup("module:app", Settings(), "")
        self.host = AppHost(setup, -1, nothing, nothing, pool, self.loaded.append)
        Server.made = []
        self.host.start()

    @property
    def server(self) -> Server:
        return Server.made[-1]

    def load(self, app: Declaration | None = None) -> None:
        self.server.says(Loaded(app or declared("in"), ()))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setattr(app_host, "ForkServer", Server)
    return Scene(Clock(monkeypatch, "app_host"))


def declared(topic: str) -> Declaration:
    app = App("group")
    app.agent(topic, value=bytes)(lambda _: None)
    return declaration(app)


def test_the_pool_has_a_server_while_one_has_the_app(scene: Scene) -> None:
    servers = [scene.pool.server]
    scene.load()
    servers.append(scene.pool.server)
    assert servers == [None, scene.server]
    scene.server.says(Exited(7, 0))
    assert scene.pool.heard == [Exited(7, 0)]
    scene.server.says(None)
    assert scene.pool.server is None
    assert scene.server.done == ["kill", "silence"]
    assert scene.pool.heard[1:] == ["its fork server died"]


def test_another_follows_when_all_workers_are_dead(scene: Scene) -> None:
    scene.load()
    scene.server.says(None)
    scene.host.turn()
    assert len(Server.made) == 1
    scene.pool.dead = True
    scene.host.turn()
    assert len(Server.made) == 2
    assert Server.made[0].done[-1] == "close"
    scene.load()
    assert len(scene.loaded) == 1


def test_one_that_dies_again_soon_is_followed_later(scene: Scene) -> None:
    scene.pool.dead = True
    for deaths in (1, 2):
        scene.load()
        scene.server.says(None)
        scene.host.turn()
        assert len(Server.made) == 2, f"after death {deaths}"
    scene.clock.passes(1.0)
    scene.host.turn()
    assert len(Server.made) == 3


def test_one_that_does_not_answer_is_ended(scene: Scene) -> None:
    scene.load()
    scene.pool.hangs = True
    scene.host.turn()
    assert scene.server.done == ["kill", "silence"]


def test_none_follows_while_the_supervisor_ends(scene: Scene) -> None:
    scene.load()
    scene.host.retire()
    scene.server.says(None)
    scene.pool.dead = True
    scene.host.turn()
    assert len(Server.made) == 1


def test_an_app_that_cannot_be_imported_ends_the_pool_unless_it_ends_anyway(scene: Scene) -> None:
    with pytest.raises(AppInvalid, match="no such module"):
        scene.server.says(Refused("no such module"))
    with pytest.raises(AppInvalid, match="importing module:app ended its process"):
        scene.server.says(None)
    scene.host.retire()
    scene.server.says(Refused("no such module"))


def test_an_app_that_was_changed_meanwhile_ends_the_pool(scene: Scene) -> None:
    scene.load()
    scene.pool.dead = True
    scene.server.says(None)
    scene.host.turn()
    with pytest.raises(AppInvalid, match="was changed while it ran"):
        scene.load(declared("other"))
