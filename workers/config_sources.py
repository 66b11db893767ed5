"""Where settings are written: a TOML file, the environment, the command line; each read into plain entries."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workers.errors import ConfigInvalid
from workers.librdkafka_properties import ALIASES, PROPERTIES, environment_name, find, is_secret
from workers.settings import FIELDS, REDACTED

SECTIONS: Final = ("kafka.consumer", "kafka.producer", "kafka")
"""Where librdkafka's properties are: those of one kind of client, and those of all; the longest name first."""

_KUBERNETES: Final = re.compile(r"_SERVICE_(HOST|PORT)(_\w+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$")
"""Variables that Kubernetes sets in every pod for each Service there, one called `kafka` or `pool` among them."""
_KUBERNETES_PORT: Final = re.compile(r"(tcp|udp|sctp)://")
_KAFKA_SCRIPTS: Final = re.compile(r"KAFKA_(HOME|CLASSPATH|MODE|VERSION|DEBUG_SUSPEND_FLAG|JMX_PORT|(\w+_)?OPTS)$")
"""Variables of Kafka's own scripts and images."""
_JAVA: Final[Mapping[str, str]] = {
    "sasl.jaas.config": "sasl.username and sasl.password",
    "ssl.truststore.location": "ssl.ca.location",
    "ssl.truststore.certificates": "ssl.ca.pem",
    "ssl.keystore.certificate.chain": "ssl.certificate.pem",
    "ssl.keystore.key": "ssl.key.pem",
    "max.request.size": "message.max.bytes",
    "buffer.memory": "queue.buffering.max.kbytes",
    "sasl.oauthbearer.token.endpoint": "sasl.oauthbearer.token.endpoint.url",
}
"""Properties of Kafka's Java clients that are called otherwise here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One setting as somebody wrote it.

    Attributes:
        section: one of SECTIONS, or empty for the pool's own settings.
        name: of the setting, or of the librdkafka property in its usual spelling.
        value: not checked yet.
        origin: where it was written, in words.
    """

    section: str
    name: str
    value: object
    origin: str

    @property
    def key(self) -> str:
        """Its full name, as in a TOML file."""
        return f"{self.section}.{self.name}" if self.section else self.name

    @property
    def shown(self) -> str:
        """The value as an error may show it."""
        if is_secret(self.name) or "_FILE " in self.origin:
            return REDACTED
        return repr(self.value)


class Sources:
    """Reads entries from every source, and keeps what is wrong with them until all are read."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def file(self, path: Path) -> Iterator[Entry]:
        """Entries of a TOML file.

        Raises:
            ConfigInvalid: it cannot be read at all.
        """
        for name, value in _toml(path).items():
            if name == "pool" and isinstance(value, dict):
                for inner, inner_value in value.items():
                    yield from self._named("", inner, inner_value, str(path))
            elif name == "kafka" and isinstance(value, dict):
                yield from self._kafka_table(value, str(path))
            else:
                yield from self._named("", name, value, str(path))

    def environment(self, environ: Mapping[str, str]) -> Iterator[Entry]:
        """Entries of the environment's `POOL_…` and `KAFKA_…` variables."""
        for variable, value in sorted(environ.items()):
            if variable in ("POOL_CONFIG", "POOL_CONFIG_FILE") or _foreign(variable, value):
                continue
            known = _VARIABLES.get(variable)
            if known:
                if value or known == ("", "http"):
                    yield Entry(*known, value, f"environment, {variable}")
            elif variable.removesuffix("_FILE") in _VARIABLES:
                yield from self._secret_file(variable, value, environ)
            elif variable.startswith(("POOL_", "KAFKA_")):
                near = _nearest(variable, [*_VARIABLES], _JAVA_VARIABLES)
                self.problems.append(f"{variable} (environment): there is no such setting{near}")

    def flags(self, flags: Mapping[str, object]) -> Iterator[Entry]:
        """Entries of the command line, by the names that a TOML file uses; `kafka.` may be left out."""
        for name, value in flags.items():
            own = name.replace("-", "_")
            if own in FIELDS:
                yield Entry("", own, value, "command line")
                continue
            section = next((s for s in SECTIONS if name.startswith(f"{s}.")), "")
            rest = name.removeprefix(f"{section}.") if section else name
            section = section or ("kafka" if find(rest) else "")
            yield from self._named(section, rest, value, "command line")

    def _kafka_table(self, table: Mapping[str, Any], origin: str) -> Iterator[Entry]:
        for name, value in table.items():
            if name in ("consumer", "producer") and isinstance(value, dict):
                for inner, inner_value in _flat(value):
                    yield from self._named(f"kafka.{name}", inner, inner_value, origin)
            else:
                for inner, inner_value in _flat({name: value}):
                    yield from self._named("kafka", inner, inner_value, origin)

    def _named(self, section: str, name: str, value: object, origin: str) -> Iterator[Entry]:
        if section and find(name):
            joined = ",".join(map(str, value)) if isinstance(value, list) else value
            yield Entry(section, ALIASES.get(name, name), joined, origin)
        elif not section and name in FIELDS:
            yield Entry("", name, value, origin)
        else:
            known = [*PROPERTIES, *ALIASES] if section else [*FIELDS, *PROPERTIES]
            where = f"[{section}] {name}" if section else name
            self.problems.append(f"{where} ({origin}): there is no such setting{_nearest(name, known, _JAVA)}")

    def _secret_file(self, variable: str, value: str, environ: Mapping[str, str]) -> Iterator[Entry]:
        plain = variable.removesuffix("_FILE")
        if not value:
            return
        if environ.get(plain):
            self.problems.append(f"{variable} (environment): {plain} is set, too; keep one of them")
            return
        try:
            text = Path(value).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            self.problems.append(f"{variable} (environment): cannot read {value}: {why}")
            return
        yield Entry(*_VARIABLES[plain], text.rstrip("\r\n"), f"{variable} ({value})")


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigInvalid(f"{path}: cannot be read: {error.strerror}; name another with --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{path}: is not TOML: {error}") from error


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """TOML takes a dotted name without quotes for tables in tables: make it a name again."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", inner_value) for inner, inner_value in _flat(value))
        else:
            yield name, value


def _foreign(variable: str, value: str) -> bool:
    if variable.endswith("_PORT") and _KUBERNETES_PORT.match(value):
        return True
    return bool(_KUBERNETES.search(variable) or _KAFKA_SCRIPTS.match(variable))


def _nearest(name: str, known: Iterable[str], java: Mapping[str, str]) -> str:
    if name in java:
        return f"; here it is {java[name]}"
    near = difflib.get_close_matches(name, [*known], n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _variables() -> dict[str, tuple[str, str]]:
    names = {f"POOL_{environment_name(name)}": ("", name) for name in FIELDS}
    for section in SECTIONS:
        for name in [*PROPERTIES, *ALIASES]:
            names[environment_name(f"{section}.{name}")] = (section, ALIASES.get(name, name))
    return names


_VARIABLES: Final = _variables()
_JAVA_VARIABLES: Final = {
    environment_name(f"kafka.{name}"): ", ".join(environment_name(f"kafka.{n}") for n in cure.split(" and "))
    for name, cure in _JAVA.items()
}
