"""What a load found, as one page that needs nothing else: numbers, and charts that share their time axis."""

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import Final

from supervisor.latencies import milliseconds
from supervisor.load_chart import Line, Mark, chart
from supervisor.load_found import Found, checks
from supervisor.load_result import Capacity, LoadResult, Percentiles, Sample, Verdict
from supervisor.load_summary import MARKS, capacity_lines

_STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2430; --dim: #667085; --rule: #e4e7ec; --card: #f8f9fb;
  --a: #2563eb; --b: #0d9488; --c: #9333ea; --d: #dc2626; --bad: #dc2626; --good: #15803d; --warn: #d97706; }
@media (prefers-color-scheme: dark) { :root { --paper: #12161d; --ink: #e6e9ef; --dim: #98a2b3; --rule: #2a313d;
  --card: #1a2029; --a: #6ea8fe; --b: #2dd4bf; --c: #c084fc; --d: #f87171; --bad: #f87171; --good: #4ade80;
  --warn: #fbbf24; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 32px 24px 64px; max-width: 1040px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 16px; margin: 36px 0 8px; }
.dim { color: var(--dim); } code { font: 13px/1.4 ui-monospace, Menlo, Consolas, monospace; color: var(--dim); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0 8px; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 16px; }
.card b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; } .card span { color: var(--dim); }
.verdict { border-left: 4px solid var(--good); padding: 4px 12px; margin: 20px 0; font-weight: 600; }
.verdict.bad { border-color: var(--bad); color: var(--bad); } .verdict.idle { border-color: var(--warn); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { color: var(--dim); font-weight: 500; }
th:first-child, td:first-child, .left, .words th, .words td { text-align: left; }
td.good { color: var(--good); } td.bad { color: var(--bad); }
svg { display: block; width: 100%; height: auto; } .grid { stroke: var(--rule); }
.tick { fill: var(--dim); font-size: 11px; } .end { text-anchor: end; } .mid { text-anchor: middle; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.a { stroke: var(--a); } .b { stroke: var(--b); } .c { stroke: var(--c); } .d { stroke: var(--d); }
.hover { fill: var(--ink); fill-opacity: 0; } .hover:hover { fill-opacity: .07; }
.event line { stroke: var(--warn); stroke-dasharray: 3 3; } .event circle { fill: var(--warn); }
.event.restart line { stroke: var(--bad); } .event.restart circle { fill: var(--bad); }
.event.rebalance line { stroke: var(--c); } .event.rebalance circle { fill: var(--c); }
.legend { float: right; font-weight: 400; font-size: 13px; color: var(--dim); }
.legend i { display: inline-block; width: 14px; height: 3px; margin: 0 6px 3px 14px; border-radius: 2px; }
i.a { background: var(--a); } i.b { background: var(--b); } i.c { background: var(--c); } i.d { background: var(--d); }
"""

Value = Callable[[Sample], float | None]


def page(result: LoadResult) -> str:
    """The page, in HTML."""
    title = f"Load on {result.topic}"
    sending = "1 process sends" if result.processes == 1 else f"{result.processes} processes send"
    facts = (result.begun, f"{result.seconds:.1f} s", f"{result.partitions} partitions", sending)
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<div class="dim">{escape(" · ".join(facts))}</div>',
        f"<code>{escape(result.command)}</code>" if result.command else "",
        _cards(result),
        _verdict(result),
        *_charts(result),
        _latencies(result),
        _verified(result.verified),
        _capacity(result.capacity),
        _events(result),
        "</body></html>",
    ]
    return "\n".join(filter(None, parts))


def _cards(result: LoadResult) -> str:
    latency, name = result.acknowledgement, "acknowledged"
    if result.end_to_end is not None:
        latency, name = result.end_to_end, "end to end"
    cards = [
        (f"{result.acknowledged:,}", "acknowledged"),
        (f"{result.rate:,.0f}", "records / s"),
        (_ms(latency.p50), f"p50, {name}"),
        (_ms(latency.p99), f"p99, {name}"),
    ]
    if result.verified is not None:
        cards += [(f"{result.verified.missing:,}", "missing"), (f"{result.verified.repeated:,}", "repeated")]
    if result.failed:
        cards.append((f"{result.failed:,}", "failed"))
    if result.behind:
        cards.append((f"{result.behind:,}", "behind the schedule"))
    return f'<div class="cards">{"".join(f"<div class=card><b>{v}</b><span>{n}</span></div>" for v, n in cards)}</div>'


def _verdict(result: LoadResult) -> str:
    verdict = result.verdict
    if verdict is Verdict.SENT:
        return ""
    style = "idle" if verdict is Verdict.UNPROVEN else "" if verdict.good else "bad"
    return f'<div class="verdict {style}">{escape(result.conclusion)}</div>'


def _charts(result: LoadResult) -> Iterable[str]:
    if not result.samples:
        return
    until = max(sample.at for sample in result.samples)
    marks = [Mark(event.at, event.kind, event.what) for event in result.events]

    def drawn(title: str, unit: str, *lines: tuple[str, str, Value], log: bool = False) -> str:
        made = [
            Line(name, style, [(sample.at, value(sample)) for sample in result.samples]) for name, style, value in lines
        ]
        legend = "".join(f'<i class="{style}"></i>{name}' for name, style, _ in lines)
        picture = chart(made, marks, until, unit, log=log)
        return f'<h2>{title}<span class="legend">{legend}</span></h2>\n{picture}'

    throughput: list[tuple[str, str, Value]] = [
        ("sent", "a", lambda sample: sample.sent),
        ("acknowledged", "b", lambda sample: sample.acknowledged),
    ]
    if result.verified is not None:
        throughput.append(("results", "c", lambda sample: sample.results))
        yield drawn("Throughput, records a second", "", *throughput)
        yield drawn("Latency until the result can be read, ms", "ms", *_percentiles(_end_to_end), log=True)
    else:
        yield drawn("Throughput, records a second", "", *throughput)
    yield drawn("Latency until acknowledged, ms", "ms", *_percentiles(lambda s: s.acknowledgement), log=True)
    lags: list[tuple[str, str, Value]] = []
    if any(sample.lag is not None for sample in result.samples):
        lags.append(("lag of the pool", "a", lambda sample: sample.lag))
    if result.verified is not None:
        lags.append(("results open", "c", lambda sample: sample.open))
    if any(sample.behind for sample in result.samples):
        lags.append(("behind the schedule", "d", lambda sample: sample.behind))
    if lags:
        yield drawn("Lag, records", "", *lags)


def _end_to_end(sample: Sample) -> Percentiles:
    return sample.end_to_end or Percentiles(0)


def _percentiles(of: Callable[[Sample], Percentiles]) -> Sequence[tuple[str, str, Value]]:
    return (
        ("p50", "b", lambda sample: of(sample).p50),
        ("p99", "a", lambda sample: of(sample).p99),
        ("max", "d", lambda sample: of(sample).max),
    )


def _latencies(result: LoadResult) -> str:
    rows = [("acknowledged" + (" (told from counts)" if result.sampled else ""), result.acknowledgement)]
    if result.end_to_end is not None:
        rows.append(("result readable", result.end_to_end))
    head = ("until", "count", "p50", "p90", "p99", "p99.9", "max")
    lines = [(name, f"{p.count:,}", *map(_ms, (p.p50, p.p90, p.p99, p.p999, p.max))) for name, p in rows]
    return "<h2>Latency, from when a record was due</h2>" + _table(head, lines)


def _verified(found: Found | None) -> str:
    if found is None:
        return ""
    rows = "".join(
        f'<tr><td class="{"good" if kept else "bad"}">{MARKS[kept]} {escape(name)}</td>'
        f'<td class="left">{escape(text)}</td></tr>'
        for kept, name, text in checks(found)
    )
    return f"<h2>Results in {escape(found.output)}</h2><table>{rows}</table>"


def _capacity(capacity: Capacity | None) -> str:
    if capacity is None:
        return ""
    rows = [(f"{tried.rate:,.0f}/s", tried.why) for tried in capacity.tried]
    said = "".join(f"<p>{escape(line)}</p>" for line in capacity_lines(capacity))
    return f"<h2>Capacity</h2>{said}" + _table(("rate", "how it went"), rows, "words")


def _events(result: LoadResult) -> str:
    if not result.events:
        return ""
    rows = [(f"{event.at:.1f} s", event.kind, event.what) for event in result.events]
    return "<h2>What happened to the pool</h2>" + _table(("at", "kind", "what"), rows, "words")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], style: str = "numbers") -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{style}"><tr>{top}</tr>{body}</table>'


def _ms(value: float | None) -> str:
    return milliseconds(None if value is None else value / 1000)
