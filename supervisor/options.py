"""Options that commands share: how to reach the brokers, and a flag for each of the pool's settings."""

import functools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import click

from workers.config import load
from workers.errors import ConfigInvalid
from workers.settings import FIELDS, Field, Settings

Command = Callable[..., Any]

POOL_FLAGS: Final = tuple(name for name in FIELDS if name != "app")
"""Settings that have a flag of their own; the app is an argument."""

_METAVARS: Final = {"seconds": "SECONDS", "a whole number": "N", "bytes": "BYTES", "a share": "SHARE"}
"""By how the text begins that says what is allowed."""


class Number(click.FloatRange):
    """A number in a range; what is not finite is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


def configured(*flags: str) -> Callable[[Command], Command]:
    """Give a command the connection's options and the flags named, and pass it the settings as `loaded`."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(config: Path | None, bootstrap: str | None, assignments: dict[str, str], **rest: Any) -> Any:
            values: dict[str, object] = {**assignments}
            if bootstrap:
                values["bootstrap.servers"] = bootstrap
            for name in (*flags, "app"):
                value = rest.pop(name, None)
                if value is not None:
                    values[name] = value
            return command(load(values, os.environ, config), **rest)

        decorated: Command = wrapped
        for option in reversed([*_connection(), *(_flag(FIELDS[name]) for name in flags)]):
            decorated = option(decorated)
        return decorated

    return decorate


def app_argument(command: Command) -> Command:
    """The argument APP, which the settings can give instead."""
    return click.argument("app", required=False, metavar="[MODULE:APP]")(command)


def brokers_known(settings: Settings) -> Settings:
    """The same settings.

    Raises:
        ConfigInvalid: they do not say where the brokers are.
    """
    if not settings.client("admin").get("bootstrap.servers"):
        raise ConfigInvalid(
            "bootstrap.servers is not set: give --bootstrap HOST:PORT, or KAFKA_BOOTSTRAP_SERVERS in the environment,"
            " or bootstrap.servers under [kafka] in pool.toml"
        )
    return settings


def app_known(settings: Settings) -> str:
    """The path of the app to run.

    Raises:
        ConfigInvalid: the settings do not name one.
    """
    if settings.app is None:
        raise ConfigInvalid(
            "there is no app to run: give MODULE:APP, or POOL_APP in the environment, or app in pool.toml"
        )
    return settings.app


def _connection() -> list[Callable[[Command], Command]]:
    return [
        click.option("--bootstrap", metavar="HOST:PORT,…", help="Where the brokers are (bootstrap.servers)."),
        click.option(
            "--config",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="The settings' TOML file.  [default: $POOL_CONFIG, else pool.toml where it exists]",
        ),
        click.option(
            "--set",
            "assignments",
            multiple=True,
            metavar="NAME=VALUE",
            callback=_assignments,
            help="Any setting, or any librdkafka property: --set compression.type=zstd. May be given again.",
        ),
    ]


def _assignments(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for text in given:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise click.BadParameter(f"{name!r} is not of the form NAME=VALUE")
        pairs[name.strip()] = value
    return pairs


def _flag(field: Field) -> Callable[[Command], Command]:
    default = "" if field.default is None else f"  [default: {field.default or 'empty'}]"
    return click.option(
        f"--{field.name.replace('_', '-')}", field.name, metavar=_metavar(field), help=f"{field.about}{default}"
    )


def _metavar(field: Field) -> str:
    if get_origin(get_args(field.type)[0]) is Literal:
        return f"[{'|'.join(get_args(get_args(field.type)[0]))}]"
    for beginning, metavar in _METAVARS.items():
        if field.allowed.startswith(beginning):
            return metavar
    return {"http": "HOST:PORT", "start": "[earliest|latest|TIME]", "metrics_dir": "PATH"}.get(field.name, "NAME")
