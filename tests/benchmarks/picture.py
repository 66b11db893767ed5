"""Rates as bars, in an SVG that stands by itself, on light and dark pages."""

from collections.abc import Sequence
from html import escape
from typing import Final

from tests.benchmarks.standings import Row, short

_WIDTH: Final = 860
_ROW: Final = 34
_TOP: Final = 56
_LEFT: Final = 260
_RIGHT: Final = 200
_STYLE: Final = """
text { font: 14px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; fill: #1c2430; }
.name { text-anchor: end; } .title { font-size: 17px; font-weight: 600; } .dim { fill: #667085; font-size: 12px; }
rect { fill: #98a2b3; } .pool rect { fill: #2563eb; } .pool .name { font-weight: 600; }
@media (prefers-color-scheme: dark) { text { fill: #e6e9ef; } .dim { fill: #98a2b3; } rect { fill: #667085; }
  .pool rect { fill: #6ea8fe; } }
"""


def picture(rows: Sequence[Row], caption: str) -> str:
    """Draw a bar for each row that has a rate, all on one linear scale from 0.

    Args:
        rows: in their order.
        caption: when and on what it was measured.
    """
    drawn = [row for row in rows if row.rate]
    most = max((row.rate or 0.0 for row in drawn), default=1.0)
    height = _TOP + _ROW * len(drawn) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<title>Records a second</title><style>{_STYLE}</style>",
        '<text class="title" x="16" y="24">Records a second, the same job</text>',
        f'<text class="dim" x="16" y="43">{escape(caption)}</text>',
        *(_bar(row, _TOP + _ROW * number, (row.rate or 0.0) / most) for number, row in enumerate(drawn)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bar(row: Row, top: int, share: float) -> str:
    width = max(1.0, share * (_WIDTH - _LEFT - _RIGHT))
    pool = row.subject.name.startswith("pool")
    guarantee = "no guarantee" if row.subject.guarantee == "none" else row.subject.guarantee
    told = "" if pool or row.times is None else f"pool: {short(row.times)} times"
    return (
        f'<g class="{"pool" if pool else "peer"}">'
        f'<text class="name" x="{_LEFT - 10}" y="{top + 14}">{escape(row.subject.title)}</text>'
        f'<text class="name dim" x="{_LEFT - 10}" y="{top + 28}">{escape(guarantee)}</text>'
        f'<rect x="{_LEFT}" y="{top + 4}" width="{width:.1f}" height="{_ROW - 12}" rx="3"/>'
        f'<text x="{_LEFT + width + 8:.1f}" y="{top + 20}">{row.rate:,.0f}'
        f'<tspan class="dim" dx="8">{told}</tspan></text></g>'
    )
