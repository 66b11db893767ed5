"""All that a pool can be told, checked once, at its start; `workers.config` reads it from its sources."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from msgspec import Meta, Struct, structs

from workers.guarantee import GuaranteeName
from workers.librdkafka_properties import Scope, Value, find, is_secret

REDACTED: Final = "<redacted>"

Role = Literal["supervisor", "consumer", "producer", "admin"]
"""What a client of the pool is for: the group's member, a worker's reading, a worker's writing, questions."""

_SCOPES: Final[Mapping[Role, tuple[Scope, ...]]] = {
    "supervisor": (Scope.ALL, Scope.CONSUMER),
    "consumer": (Scope.ALL, Scope.CONSUMER),
    "producer": (Scope.ALL, Scope.PRODUCER),
    "admin": (Scope.ALL,),
}


class GroupProtocol(StrEnum):
    """How the group shares its partitions out."""

    CLASSIC = "classic"
    CONSUMER = "consumer"
    """KIP-848: the broker does it, and owns the session's times."""


def _about(text: str, allowed: str, pattern: str | None = None) -> Meta:
    return Meta(description=text, extra={"allowed": allowed}, pattern=pattern)


def _seconds(text: str, low: float, high: float) -> Meta:
    return Meta(description=text, extra={"allowed": f"seconds from {low:g} to {high:g}"}, ge=low, le=high)


def _count(text: str, low: int, high: int) -> Meta:
    return Meta(description=text, extra={"allowed": f"a whole number from {low} to {high}"}, ge=low, le=high)


def _bytes(text: str) -> Meta:
    return Meta(description=text, extra={"allowed": "bytes, as 512M or 2G, from 32M"}, ge=32 * 1024**2)


def _choice(text: str, *choices: str) -> Meta:
    return _about(text, " or ".join(choices))


class Settings(Struct, frozen=True, kw_only=True):
    """What is in force. Times are in seconds; every field has its description and what is allowed in `Meta`."""

    app: (
        Annotated[str, _about("The application to run.", "MODULE:APP, as in iot.alerts:app", r"^[\w.]+:[\w.]+$")] | None
    ) = None
    group: Annotated[str, _about("The consumer group, in place of the one the App names.", "a name", r"\S")] | None = (
        None
    )
    http: Annotated[
        str,
        _about(
            "Where to serve /metrics, /livez, /readyz and /status; empty: nowhere.",
            "HOST:PORT, or empty",
            r"^(.*:\d{1,5})?$",
        ),
    ] = "127.0.0.1:9404"
    drain_timeout: Annotated[
        float,
        _seconds("How long a drain may take, at a rebalance and at the end, before workers are killed.", 0.1, 3600),
    ] = 20.0
    worker_timeout: Annotated[
        float, _seconds("After how long without a sign of life a worker is killed; one record may take this.", 1, 86400)
    ] = 60.0
    handler_timeout: (
        Annotated[
            float,
            _seconds(
                "The same while a record is in hand: how long one record, or one batch of a batch handler, may take."
                " By default as long as worker_timeout.",
                1,
                86400,
            ),
        ]
        | None
    ) = None
    quarantine_after: Annotated[
        int, _count("After how many workers died of one record it goes to the dead letters.", 1, 100)
    ] = 2
    max_memory: (
        Annotated[
            int,
            _bytes("Resident memory above which a worker is drained and replaced; a quarter more it cannot have."),
        ]
        | None
    ) = None
    memory_budget: (
        Annotated[
            int,
            _bytes(
                "Memory for the supervisor and all workers that this pod can come to have, without what the app itself"
                " holds: their queues are made to fit."
            ),
        ]
        | None
    ) = None
    max_records: (
        Annotated[
            int,
            _count("After how many records, give or take a tenth, a worker is drained and replaced.", 1, 10**12),
        ]
        | None
    ) = None
    max_workers: Annotated[
        int, _count("How many workers may run at once; further partitions wait, visibly.", 1, 1024)
    ] = 64
    lease: (
        Annotated[
            float,
            _seconds(
                "For how long workers go on without news from their supervisor."
                " By default a third of the session; 15 s with group.protocol=consumer.",
                0.5,
                600,
            ),
        ]
        | None
    ) = None
    commit_interval: Annotated[float, _seconds("Time from one commit of offsets to the next.", 0.05, 60)] = 1.0
    flush_interval: Annotated[
        float, _seconds("How often a worker makes sure that its results are acknowledged.", 0.005, 10)
    ] = 0.1
    flush_records: (
        Annotated[int, _count("Exactly once: after how many records to commit, where that is sooner.", 1, 1_000_000)]
        | None
    ) = None
    batch_size: Annotated[int, _count("The most records a worker takes from its queue at once.", 1, 100_000)] = 1000
    guarantee: Annotated[
        GuaranteeName | None,
        _choice("What holds over failures, in place of the App's own.", "at_least_once", "exactly_once"),
    ] = None
    guard_share: Annotated[
        float,
        Meta(
            description="Of the last guard_window records, above which failures are an outage: the partition then waits"
            " and tries again. 1: never.",
            extra={"allowed": "a share from 0 to 1"},
            gt=0,
            le=1,
        ),
    ] = 0.5
    guard_window: Annotated[int, _count("Of how many records guard_share is a share.", 1, 100_000)] = 100
    guard_wait: Annotated[
        float,
        _seconds(
            "For how long a failed record waits for the next one, which tells whether it fails by itself.", 0.1, 3600
        ),
    ] = 10.0
    replays: Annotated[
        Literal["own", "all"],
        _choice("Which records sent back by `dead replay` are handled: those for this group, or all.", "own", "all"),
    ] = "own"
    start: Annotated[
        Literal["earliest", "latest"] | int,
        _about(
            "Where a group without committed offsets begins. A time is kept as milliseconds since 1970.",
            "earliest, latest, a time such as 2026-01-31T12:00:00Z, or milliseconds since 1970",
        ),
    ] = "earliest"
    on_data_loss: Annotated[
        Literal["continue", "stop"],
        _choice("What to do when records were deleted before they were read.", "continue", "stop"),
    ] = "continue"
    create: (
        Annotated[int, _count("Create missing input and output topics, with this many partitions.", 1, 10_000)] | None
    ) = None
    log_format: Annotated[
        Literal["auto", "json", "console"],
        _choice("How to log; auto: coloured lines on a terminal, JSON elsewhere.", "auto", "json", "console"),
    ] = "auto"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        _choice("The least level that is logged.", "debug", "info", "warning", "error"),
    ] = "info"
    metrics_dir: (
        Annotated[
            str, _about("Where handlers' own prometheus metrics are kept; by default a temporary directory.", "a path")
        ]
        | None
    ) = None
    kafka: dict[str, Value] = {}
    kafka_consumer: dict[str, Value] = {}
    kafka_producer: dict[str, Value] = {}

    def client(self, role: Role) -> dict[str, Value]:
        """The user's librdkafka properties that a client of `role` takes, without what the pool forces on it."""
        own: Mapping[str, Value] = {}
        if role in ("supervisor", "consumer"):
            own = self.kafka_consumer
        elif role == "producer":
            own = self.kafka_producer
        merged = {**self.kafka, **own}
        return {name: value for name, value in merged.items() if _takes(role, name)}

    @property
    def protocol(self) -> GroupProtocol:
        """The group's protocol."""
        return GroupProtocol(str(self.client("supervisor").get("group.protocol", "classic")))

    @property
    def session_timeout(self) -> float:
        """After how many seconds without a heartbeat the group gives a member up; the default of KIP-848's brokers."""
        return self._milliseconds("session.timeout.ms", 45_000)

    @property
    def heartbeat_interval(self) -> float:
        """Seconds between heartbeats; with KIP-848 what brokers ask for by default."""
        return self._milliseconds("heartbeat.interval.ms", 3000 if self.protocol is GroupProtocol.CLASSIC else 5000)

    @property
    def max_poll_interval(self) -> float:
        """Seconds that a callback of the group may take before the member is expelled."""
        return self._milliseconds("max.poll.interval.ms", 300_000)

    @property
    def longest_backoff(self) -> float:
        """The most seconds between two attempts of a worker's clients to connect."""
        roles: tuple[Role, ...] = ("consumer", "producer")
        return max(self._milliseconds("reconnect.backoff.max.ms", 10_000, role) for role in roles)

    @property
    def lease_seconds(self) -> float:
        """The lease in force, in seconds."""
        if self.lease is not None:
            return self.lease
        if self.protocol is GroupProtocol.CONSUMER:
            return 15.0
        return min(self.session_timeout / 3, self.longest_lease)

    @property
    def longest_lease(self) -> float:
        """Seconds after which the group may have given the member's partitions away, less one for the workers' halt."""
        return self.session_timeout - self.heartbeat_interval - 1.0

    @property
    def http_address(self) -> tuple[str, int] | None:
        """Host and port to serve on; None: do not."""
        if not self.http:
            return None
        host, _, port = self.http.rpartition(":")
        return host.strip("[]"), int(port)

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={_shown(getattr(self, name))!r}" for name in self.__struct_fields__)
        return f"Settings({facts})"

    def _milliseconds(self, name: str, default: int, role: Role = "supervisor") -> float:
        return float(self.client(role).get(name, default)) / 1000


@dataclass(frozen=True, slots=True)
class Field:
    """One of the pool's own settings, as told to a reader."""

    name: str
    type: Any
    default: object
    about: str
    allowed: str


def _field(info: structs.FieldInfo) -> Field:
    annotated = next((part for part in get_args(info.type) if get_origin(part) is Annotated), info.type)
    meta = annotated.__metadata__[0]
    return Field(info.name, info.type, info.default, meta.description, meta.extra["allowed"])


FIELDS: Final[Mapping[str, Field]] = {
    info.name: _field(info) for info in structs.fields(Settings) if not info.name.startswith("kafka")
}
"""The pool's own settings by name, without the sections of librdkafka's properties."""


def redacted(properties: Mapping[str, Value]) -> dict[str, Value]:
    """The same properties without what must never be shown."""
    return {name: REDACTED if is_secret(name) else value for name, value in properties.items()}


def _shown(value: object) -> object:
    return redacted(value) if isinstance(value, dict) else value


def _takes(role: Role, name: str) -> bool:
    known = find(name)
    return known is not None and known.scope in _SCOPES[role]
