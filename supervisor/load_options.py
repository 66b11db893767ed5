"""What a load is asked for on the command line, and what follows from it."""

import importlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any, Final

from supervisor.load_file import FilePayload
from supervisor.load_flaws import Flaw, Flawed, Numbered
from supervisor.load_keys import Keys, most_processes
from supervisor.load_pages import crc32_partitioner
from supervisor.load_struct import StructPayload
from supervisor.payload import Payload, SensorPayload
from supervisor.schedule import Ramp, Recorded, Schedule, Steady, Unlimited, bursts, steps
from workers.errors import ConfigInvalid
from workers.loading import look_here

_RAMP_SECONDS: Final = 60.0
_STEP_SECONDS: Final = 10.0
CRC32_PARTITIONERS: Final = ("consistent_random", "consistent")
"""librdkafka's own partitioner is the first of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """The options of `load`, checked together.

    Raises:
        ConfigInvalid: some do not go together.
    """

    topic: str
    create: int | None = None
    # When.
    rate: float | None = None
    profile: str = "steady"
    low: float | None = None
    steps: int = 5
    every: float | None = None
    burst: float = 1.0
    count: int | None = None
    duration: float | None = None
    processes: int = 1
    # What.
    devices: int = 1000
    zipf: float | None = None
    hot: float = 0.05
    size: int = 0
    kind: str | None = None
    file: Path | None = None
    key: str | None = None
    time: str | None = None
    speed: float | None = None
    seed: int | None = None
    malformed: float = 0.0
    oversized: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    tombstone: float = 0.0
    oversized_bytes: int = 900_000
    late_by: float = 3600.0
    # What became of it.
    verify: str | None = None
    expect: str = "auto"
    exactly_once: bool = False
    wait: float = 30.0
    status: tuple[str, ...] = ()
    json: Path | None = None
    report: Path | None = None
    # How much is possible.
    find_capacity: bool = False
    slo: float | None = None
    target: float | None = None
    hold: float = 10.0

    def __post_init__(self) -> None:
        most = most_processes(self.devices, self.zipf)
        for wrong, text in (
            (self.profile != "steady" and self.rate is None, f"--profile {self.profile} needs --rate, its highest"),
            (self.low is not None and self.profile == "steady", "--from is for --profile ramp, step or burst"),
            (self.kind and self.file, "--type and --file exclude each other"),
            (self.key and not (self.kind or self.file), "--key is for --type or --file: a reading's key is its device"),
            ((self.time or self.speed) and not self.file, "--time and --speed are for --file"),
            (self.speed and not self.time, "--speed needs --time: the field that says when a record was made"),
            (self.time and self.rate, "--time and --rate exclude each other: a file has its own speed, or yours"),
            (self.file and self.processes > 1, "--file goes with one process: several would break its order"),
            (self.devices < self.processes, "--devices has to be at least --processes: no two send the same key"),
            (
                self.processes > most,
                f"--zipf {self.zipf} goes with {most} --processes at most: of more, none sends what its first key gets",
            ),
            (sum(self.flaws.values()) > 1, f"the shares of {', '.join(self.flaws)} are more than 1 together"),
            *self._without_effect(),
            (self.verify == self.topic, "--verify names the topic of the results, not the one that is loaded"),
            *(
                (path and not path.absolute().parent.is_dir(), f"{option} {path}: there is no such directory")
                for option, path in (("--json", self.json), ("--report", self.report))
            ),
            (self.exactly_once and not self.verify, "--exactly-once needs --verify OUTPUT"),
            (
                self.find_capacity and not (self.verify or self.status),
                "--find-capacity needs --verify OUTPUT or --status URL: else nothing tells how the pool keeps up",
            ),
            (
                self.find_capacity and self.expect == "some" and not (self.status or self.slo),
                "--find-capacity with --expect some needs --status or --slo: none is missing, so nothing tells of lag",
            ),
            (
                self.find_capacity and (self.count or self.duration or self.time or self.profile != "steady"),
                "--find-capacity chooses rate and time itself: leave out --count, --duration, --time and --profile",
            ),
            (
                (self.slo or self.target) and not self.find_capacity,
                "--slo and --target are for --find-capacity",
            ),
            (self.slo and not self.verify, "--slo needs --verify OUTPUT: a latency is told from results"),
            (
                self.profile == "burst" and (self.burst >= (self.every or _STEP_SECONDS)),
                "--burst has to be shorter than --every",
            ),
        ):
            if wrong:
                raise ConfigInvalid(text)

    def _without_effect(self) -> Iterator[tuple[bool, str]]:
        """What is given without that for which it is."""
        readings = not (self.kind or self.file)
        profile = "" if self.profile == "steady" else self.profile
        for there, names, needed in (
            (readings, ("hot",), "readings: it goes without --type and --file"),
            (not self.file, ("devices", "zipf", "size"), "what is drawn: a --file is sent as it is"),
            (profile, ("every",), "--profile ramp, step or burst"),
            (profile == "step", ("steps",), "--profile step"),
            (profile == "burst", ("burst",), "--profile burst"),
            (self.oversized, ("oversized_bytes",), "--oversized"),
            (self.late, ("late_by",), "--late"),
            (self.verify, ("expect", "wait"), "--verify"),
            (self.find_capacity, ("hold",), "--find-capacity"),
        ):
            for name in names:
                given = getattr(self, name) != _DEFAULTS[name]
                yield bool(given and not there), f"--{name.replace('_', '-')} is for {needed}"

    @property
    def flaws(self) -> Mapping[Flaw, float]:
        """The share of each flaw, of those that there are to be."""
        return {flaw: share for flaw in Flaw if (share := getattr(self, flaw.value))}


_DEFAULTS: Final = {field.name: field.default for field in fields(LoadOptions)}


@dataclass(frozen=True, slots=True)
class Contents:
    """What is sent.

    Attributes:
        payload: makes the payload of process `first` of `of`, for a topic of so many partitions.
        plain: whether it is no more than keys and values.
        marked: whether temperatures carry the records' numbers.
        told: whether the field `seq` of a value is its record's number, where there is one.
        lines: how many a file has; None: there is no file.
        times: when each line was made, where that sets the schedule.
    """

    payload: Callable[[int, int, int], Payload]
    plain: bool
    marked: bool
    told: bool = True
    lines: int | None = None
    times: list[float] | None = None


def schedule(options: LoadOptions, times: list[float] | None) -> Schedule:
    """When records are due.

    Args:
        options: which profile.
        times: when each was made, in place of all profiles; None: a profile it is.
    """
    if times is not None:
        return Recorded(times, options.speed or 1.0)
    if options.rate is None:
        return Unlimited()
    every = options.every or _STEP_SECONDS
    match options.profile:
        case "ramp":
            return Ramp(options.low or 0.0, options.rate, options.every or options.duration or _RAMP_SECONDS)
        case "step":
            seconds = options.duration / options.steps if options.duration and not options.every else every
            low = options.rate / options.steps if options.low is None else options.low
            return steps(low, options.rate, options.steps, seconds)
        case "burst":
            return bursts(options.rate / 10 if options.low is None else options.low, options.rate, options.burst, every)
        case _:
            return Steady(options.rate)


def contents(options: LoadOptions, partitioner: str = CRC32_PARTITIONERS[0]) -> Contents:
    """What to send.

    Args:
        options: what is asked for.
        partitioner: the producer's, by its name in librdkafka.

    Raises:
        ConfigInvalid: `--type` names no type.
        LoadRefused: there is nothing to be sent: a file that cannot be read, a type that cannot be filled, or whose
            values cannot be oversized.
    """
    times, lines, numbered, told = None, None, True, True
    make: Callable[[int, int, int], Any]
    if options.file is not None:
        file = FilePayload(options.file, options.key)
        times = file.times(options.time) if options.time else None
        make, lines, numbered, told = lambda _first, _of, _partitions: file, len(file), False, False
        if options.oversized:
            file.require_pad()
    elif options.kind is not None:
        make = partial(_struct, options, _load_type(options.kind))
        sample = make(0, 1, 1)
        numbered, told = sample.numbered, sample.told
        if options.oversized:
            sample.require_pad(options.oversized_bytes)
    else:
        make = partial(_sensor, options, partitioner)
    plain = not options.flaws and (numbered or options.verify is None)
    marked = options.verify is not None and not options.file and not options.kind
    return Contents(partial(_wrapped, options, make, plain=plain), plain, marked, told, lines, times)


def _chance(options: LoadOptions, first: int) -> random.Random:
    return random.Random() if options.seed is None else random.Random(f"{options.seed}-{first}")


def _keys(options: LoadOptions, chance: random.Random, first: int, of: int) -> Keys:
    return Keys(options.devices, options.zipf, chance, first=first, of=of)


def _sensor(options: LoadOptions, partitioner: str, first: int, of: int, partitions: int) -> Payload:
    chance = _chance(options, first)
    keys = _keys(options, chance, first, of)
    marked, known = options.verify is not None, partitioner in CRC32_PARTITIONERS
    where = crc32_partitioner(partitions) if known else None
    return SensorPayload(keys, options.hot, options.size, marked=marked, chance=chance, partitioner=where)


def _struct(options: LoadOptions, kind: Any, first: int, of: int, _partitions: int) -> StructPayload:
    chance = _chance(options, first)
    return StructPayload(kind, _keys(options, chance, first, of), options.key, options.size, chance)


def _wrapped(
    options: LoadOptions,
    make: Callable[[int, int, int], Payload],
    first: int,
    of: int,
    partitions: int,
    *,
    plain: bool,
) -> Payload:
    payload = make(first, of, partitions)
    if plain:
        return payload
    if not options.flaws:
        return Numbered(payload)
    late = int(options.late_by * 1000)
    return Flawed(payload, options.flaws, options.oversized_bytes, late, _chance(options, first))


def _load_type(name: str) -> Any:
    """What `PKG.MODULE:NAME` names.

    Raises:
        ConfigInvalid: there is no such thing.
    """
    return load_attribute(name, "--type")


def load_attribute(name: str, option: str) -> Any:
    """Import what an option names, such as `sensors.types:Reading`.

    Raises:
        ConfigInvalid: there is no such thing.
    """
    module, colon, attribute = name.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), attribute)):
        raise ConfigInvalid(f"{option} {name}: write PACKAGE.MODULE:NAME, such as sensors.types:Reading")
    look_here()
    try:
        return getattr(importlib.import_module(module), attribute)
    except (Exception, SystemExit) as failure:
        why = failure if isinstance(failure, (ImportError, AttributeError)) else f"{type(failure).__name__}: {failure}"
        raise ConfigInvalid(
            f"{option} {name} cannot be loaded: {why}; start in the directory that holds it, or set PYTHONPATH"
        ) from failure
