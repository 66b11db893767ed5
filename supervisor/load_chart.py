"""A chart over time, as SVG that stands by itself in a page: lines, an axis on each side, and marks for events."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH, HEIGHT = 960, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 14, 28
_LINES: Final = 5
"""About so many grid lines."""
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: its name, its class in the style sheet, and its points; None is a gap."""

    name: str
    style: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: when, its class in the style sheet, and what."""

    at: float
    style: str
    what: str


def chart(lines: Sequence[Line], marks: Sequence[Mark], until: float, unit: str, *, log: bool = False) -> str:
    """Draw lines.

    Args:
        lines: at least one.
        marks: what happened.
        until: seconds at the right end; the left one is 0.
        unit: of the values.
        log: whether the values' axis is logarithmic; values of zero are then left out.
    """
    values = [value for line in lines for _, value in line.points if value is not None and (value > 0 or not log)]
    ticks = _log_ticks(values) if log else _ticks(max(values, default=0.0))
    y = _scale(ticks[0], ticks[-1], HEIGHT - _BOTTOM, _TOP, log=log)
    x = _scale(0.0, until, _LEFT, WIDTH - _RIGHT)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">']
    for tick in ticks:
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text class="tick end" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}">{_short(tick)}</text>')
    moments = [tick for tick in _ticks(until, _LINES * 2) if tick <= until]
    parts += [f'<text class="tick mid" x="{x(at):.1f}" y="{HEIGHT - 8}">{at:g} s</text>' for at in moments]
    for mark in marks:
        if 0 <= mark.at <= until:
            title = escape(f"{mark.at:.1f} s  {mark.what}")
            parts.append(
                f'<g class="event {mark.style}"><title>{title}</title><line x1="{x(mark.at):.1f}" x2="{x(mark.at):.1f}"'
                f' y1="{_TOP}" y2="{HEIGHT - _BOTTOM}"/><circle cx="{x(mark.at):.1f}" cy="{_TOP}" r="4"/></g>'
            )
    parts += [f'<path class="line {line.style}" d="{_path(line.points, x, y, log=log)}"/>' for line in lines]
    parts += _hovers(lines, x, until, unit)
    parts.append("</svg>")
    return "\n".join(parts)


def _path(points: Sequence[Point], x: Callable[[float], float], y: Callable[[float], float], *, log: bool) -> str:
    found, pen = [], "M"
    for at, value in points:
        if value is None or (log and value <= 0):
            pen = "M"
            continue
        dot = "h0" if pen == "M" else ""  # so that a point without neighbours can be seen
        found.append(f"{pen}{x(at):.1f} {y(value):.1f}{dot}")
        pen = "L"
    return " ".join(found)


def _hovers(lines: Sequence[Line], x: Callable[[float], float], until: float, unit: str) -> list[str]:
    """A strip for each moment, that tells its values to who points at it."""
    moments = sorted({at for line in lines for at, _ in line.points})
    moments = moments[:: math.ceil(len(moments) / WIDTH) or 1]  # no more than there are places to point at
    values = [(line.name, dict(line.points)) for line in lines]
    found = []
    for number, at in enumerate(moments):
        left = x(0 if number == 0 else (at + moments[number - 1]) / 2)
        right = x(until if number == len(moments) - 1 else (at + moments[number + 1]) / 2)
        told = [f"{at:.1f} s"]
        for name, points in values:
            value = points.get(at)
            told.append(f"{name}: {'-' if value is None else f'{value:,.1f}'} {unit}".rstrip())
        text = escape("\n".join(told))
        found.append(
            f'<rect class="hover" x="{left:.1f}" y="{_TOP}" width="{max(0.1, right - left):.1f}"'
            f' height="{HEIGHT - _TOP - _BOTTOM}"><title>{text}</title></rect>'
        )
    return found


def _scale(low: float, high: float, start: float, end: float, *, log: bool = False) -> Callable[[float], float]:
    def linear(value: float) -> float:
        return start + (value - low) / ((high - low) or 1.0) * (end - start)

    def logarithmic(value: float) -> float:
        return start + math.log(value / low) / (math.log(high / low) or 1.0) * (end - start)

    return logarithmic if log else linear


def _ticks(most: float, count: int = _LINES) -> list[float]:
    """Round numbers from 0 to at least `most`."""
    most = most or 1.0
    size = 10 ** math.floor(math.log10(most / count))
    step = next(size * step for step in _STEPS if size * step * count >= most)
    return [round(step * number, 10) for number in range(math.ceil(most / step - 1e-9) + 1)]


def _log_ticks(values: Sequence[float]) -> list[float]:
    """Powers of ten around all values."""
    low = math.floor(math.log10(min(values, default=1.0)))
    high = max(low + 1, math.ceil(math.log10(max(values, default=10.0))))
    return [10.0**power for power in range(low, high + 1)]


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
