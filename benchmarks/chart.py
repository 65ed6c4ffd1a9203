"""Draw the chart of the README from measured results: `python -m benchmarks.chart` writes `results/chart.svg`.

It reads `results/missing_rows.json` and `results/paging.json`, which the benchmarks of these names print with `--json`.
The SVG brings its own background, and follows the color scheme of the reader.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from benchmarks import paging

RESULTS = Path(__file__).resolve().parent / "results"
WIDTH, ROW, BAR, LABELS, PLOT = 760, 34, 18, 190, 440
STYLE = """
    .page { fill: #ffffff; stroke: #d1d9e0; } text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; } .note { fill: #59636e; font-size: 12px; }
    .bar { fill: #8c959f; } .ours { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #3d444d; } text { fill: #f0f6fc; } .note { fill: #9198a1; }
      .bar { fill: #656c76; } .ours { fill: #4493f8; }
    }
"""


@dataclass(frozen=True)
class Bar:
    """One bar: who, how much, and whether it is this package."""

    label: str
    value: float
    is_ours: bool = False


@dataclass(frozen=True)
class Panel:
    """Bars that share a scale."""

    title: str
    note: str
    unit: str
    bars: tuple[Bar, ...]

    @property
    def height(self) -> int:
        """Pixels."""
        return 56 + ROW * len(self.bars)

    @property
    def sentence(self) -> str:
        """The panel in words, for readers who do not see it."""
        return f"{self.title}: " + ", ".join(f"{bar.label} {bar.value:,.3g}{self.unit}" for bar in self.bars) + "."

    def draw(self, top: int) -> list[str]:
        """Return the elements of the panel."""
        most = max(bar.value for bar in self.bars)
        elements = [
            f'<text class="title" x="24" y="{top + 18}">{escape(self.title)}</text>',
            f'<text class="note" x="24" y="{top + 37}">{escape(self.note)}</text>',
        ]
        for number, bar in enumerate(self.bars):
            y = top + 50 + ROW * number
            length = round(PLOT * bar.value / most, 1)
            kind = "bar ours" if bar.is_ours else "bar"
            elements += [
                f'<text x="{24 + LABELS - 12}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>',
                f'<rect class="{kind}" x="{24 + LABELS}" y="{y}" width="{length}" height="{BAR}" rx="3"/>',
                f'<text x="{24 + LABELS + length + 8}" y="{y + 14}">{bar.value:,.3g}{self.unit}</text>',
            ]
        return elements


def panels(missing: dict[str, Any], cost: dict[str, Any]) -> list[Panel]:
    """Return the two panels of the chart."""
    take = missing["options"]["take"]
    lost = tuple(Bar(row["reader"], row["rows lost"], row["reader"] == paging.OURS) for row in missing["rows"])
    cpu = {row["contender"]: row["CPU us/booking"] for row in cost["rows"]}
    names = {paging.OURS: paging.OURS, paging.FRUGAL: "aiohttp + msgspec", paging.HTTPX: paging.HTTPX}
    bars = tuple(Bar(label, cpu[name], name == paging.OURS) for name, label in names.items() if name in cpu)
    first = missing["rows"][0]
    rows = f"{first['rows']:,} bookings at {first['start times']} start times, {take} per page, unstable order"
    return [
        Panel("Rows lost while reading a list", rows, "", lost),
        Panel("CPU per booking", "pages of 250, decoded into typed models, loopback", " µs", bars),
    ]


def draw(all_panels: list[Panel]) -> str:
    """Return the SVG."""
    height = 16 + sum(panel.height + 12 for panel in all_panels)
    elements, top = [], 16
    for panel in all_panels:
        elements += panel.draw(top)
        top += panel.height + 12
    words = escape(" ".join(panel.sentence for panel in all_panels))
    body = "\n  ".join(elements)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title words">
  <title id="title">calcom_async compared with the same by hand</title>
  <desc id="words">{words}</desc>
  <style>{STYLE}  </style>
  <rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>
  {body}
</svg>
"""


def main() -> None:
    """Write the chart."""
    missing, cost = (json.loads((RESULTS / f"{name}.json").read_text()) for name in ("missing_rows", "paging"))
    drawn = panels(missing, cost)
    (RESULTS / "chart.svg").write_text(draw(drawn))
    print(" ".join(panel.sentence for panel in drawn))


if __name__ == "__main__":
    main()
