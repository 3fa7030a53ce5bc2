"""Pictures of how cost grows: panels with one line for each command, both axes logarithmic, as plain SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

__all__ = ["draw"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 300, 220, 58, 46, 44
_COLOURS = ("#1f6feb", "#d1480f", "#2da44e", "#8250df")
_FONT = 'font-family="sans-serif" font-size="11" fill="#57606a"'

Points = Sequence[tuple[float, float]]


def draw(title: str, across: str, panels: Mapping[str, Mapping[str, Points]]) -> str:
    """Draw one panel for each quantity, side by side in two columns."""
    columns, rows = 2, math.ceil(len(panels) / 2)
    width = columns * (_LEFT + _WIDTH) + _GAP
    height = _TOP + rows * (_HEIGHT + _GAP + 20)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-family="sans-serif" font-size="14" fill="#24292f">{escape(title)}</text>',
    ]
    for number, (name, lines) in enumerate(panels.items()):
        left = _LEFT + number % columns * (_LEFT + _WIDTH)
        top = _TOP + number // columns * (_HEIGHT + _GAP + 20)
        parts += _panel(left, top, f"{name}, by {across}", lines)
    return "\n".join([*parts, "</svg>", ""])


def _panel(left: float, top: float, name: str, lines: Mapping[str, Points]) -> Iterable[str]:
    points = [point for line in lines.values() for point in line]
    xs, ys = _decades(x for x, _ in points), _decades(y for _, y in points)

    def place(x: float, y: float) -> tuple[float, float]:
        return left + _share(x, xs) * _WIDTH, top + (1 - _share(y, ys)) * _HEIGHT

    yield f'<text x="{left}" y="{top - 6}" {_FONT}>{escape(name)}</text>'
    for exponent in range(xs[0], xs[1] + 1):
        x, _ = place(10.0**exponent, 1)
        yield f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + _HEIGHT}" stroke="#eaeef2"/>'
        yield f'<text x="{x:.1f}" y="{top + _HEIGHT + 14}" text-anchor="middle" {_FONT}>{10**exponent:,}</text>'
    for exponent in range(ys[0], ys[1] + 1):
        _, y = place(1, 10.0**exponent)
        yield f'<line x1="{left}" y1="{y:.1f}" x2="{left + _WIDTH}" y2="{y:.1f}" stroke="#eaeef2"/>'
        yield f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end" {_FONT}>{10.0**exponent:,.10g}</text>'
    for number, (label, line) in enumerate(lines.items()):
        colour = _COLOURS[number]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in line))
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for point in line:
            x, y = place(*point)
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"><title>{point[1]:,.4g}</title></circle>'
        yield (
            f'<text x="{left + 6}" y="{top + 14 + 14 * number}" font-family="sans-serif" font-size="11" '
            f'fill="{colour}">{escape(label)}</text>'
        )


def _decades(values: Iterable[float]) -> tuple[int, int]:
    """Return the exponents of ten around these values."""
    found = [max(value, 1e-3) for value in values]
    first = math.floor(math.log10(min(found)))
    return first, max(math.ceil(math.log10(max(found))), first + 1)


def _share(value: float, decades: tuple[int, int]) -> float:
    return (math.log10(max(value, 1e-3)) - decades[0]) / (decades[1] - decades[0])
