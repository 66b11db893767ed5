"""An app by its name: imported, checked, and told as plain data to a process that runs no user code."""

import difflib
import importlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Final

import msgspec

from workers.app import App
from workers.errors import AppInvalid, PoolError
from workers.guarantee import Guarantee
from workers.tiers import Tier

_OURS: Final = str(Path(__file__).parent)


class AgentDeclaration(msgspec.Struct, frozen=True):
    """What the supervisor must know of an agent."""

    name: str
    topic: str
    output: str | None
    dead_letter: str | None
    tiers: tuple[Tier, ...] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Its input topic, and its retry topics."""
        return (self.topic, *(tier.topic for tier in self.tiers))


class Declaration(msgspec.Struct, frozen=True):
    """What the supervisor must know of an app."""

    group: str
    agents: tuple[AgentDeclaration, ...]
    guarantee: Guarantee = Guarantee.AT_LEAST_ONCE


def load_app(name: str, *, group: str | None = None) -> App:
    """Import the app that `PKG.MODULE:ATTRIBUTE` names, from the working directory or what is installed.

    Args:
        name: such as `sensors.alerts:app`.
        group: the consumer group in place of the app's own.

    Raises:
        AppInvalid: there is no such app, its import fails, or it is wrong; the text says which, and where.
    """
    module_name, colon, attribute = name.partition(":")
    parts = [*module_name.split("."), attribute]
    if not colon or not all(part.isidentifier() for part in parts):
        raise AppInvalid(f"{name!r} names no app: write PACKAGE.MODULE:ATTRIBUTE, such as sensors.alerts:app")
    app = _attribute(_import(module_name), attribute)
    if group is not None:
        app.use_group(group)
    app.check()
    return app


def declaration(app: App) -> Declaration:
    """What the app declares, as plain data."""
    agents = tuple(
        AgentDeclaration(agent.name, agent.topic, agent.output, agent.dead_letter, agent.tiers)
        for agent in app.agents.values()
    )
    return Declaration(app.group, agents, app.guarantee)


def look_here() -> str:
    """From now on import from the working directory, too, where a console script, unlike `python -m`, does not look.

    Returns: that directory.
    """
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    return here


def _import(name: str) -> ModuleType:
    here = look_here()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise AppInvalid(
                f"there is no module {error.name!r} to load {name!r} from: looked in {here} and in what is installed. "
                "Start in the directory that holds it, or set PYTHONPATH"
            ) from None
        raise _import_failed(name, error) from error
    except (Exception, SystemExit) as error:
        raise _import_failed(name, error) from error


def _import_failed(name: str, error: BaseException) -> AppInvalid:
    text = str(error) if isinstance(error, PoolError) else f"{type(error).__name__}: {error}"
    return AppInvalid(f"importing {name} failed{_place(error)}: {text}")


def _place(error: BaseException) -> str:
    """Where in the user's code an error came from: the innermost frame that is neither ours nor the importer's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" at {error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [
        f
        for f in frames
        if not f.filename.startswith((_OURS, "<frozen importlib")) and f.filename != importlib.__file__
    ]
    return f" at {theirs[-1].filename}:{theirs[-1].lineno}" if theirs else ""


def _attribute(module: ModuleType, attribute: str) -> App:
    found = getattr(module, attribute, None)
    if isinstance(found, App):
        return found
    apps = [name for name, value in vars(module).items() if isinstance(value, App)]
    where = f"{module.__name__} ({module.__file__})"
    if hasattr(module, attribute):
        problem = f"{attribute!r} in {where} is of type {type(found).__name__}, not an App"
    else:
        problem = f"{where} has no {attribute!r}"
    near = apps[:1] or [name for name in difflib.get_close_matches(attribute, dir(module), n=1) if name != attribute]
    cure = f": did you mean {module.__name__}:{near[0]}?" if near else ". Make one: app = App(GROUP)"
    raise AppInvalid(problem + cure)
