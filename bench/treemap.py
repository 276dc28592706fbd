"""Draws parts of a whole as rectangles whose areas are their sizes, in SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 960, 540
_COLOURS = ("#3b5b8c", "#4a7c59", "#8c5a3b", "#6b4c8a", "#2f7f86", "#8a3f5c", "#6f6f2f", "#50616e")
_FONT = 13

Box = tuple[float, float, float, float]
"""Left, top, width, height."""


def drawn(sizes: Mapping[str, int]) -> str:
    """An SVG of `{name: bytes}`; names that do not fit are left to the tooltip."""
    ordered = sorted(((size, name) for name, size in sizes.items() if size > 0), reverse=True)
    total = sum(sizes.values())
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">'
    lines = [head, f"<title>What takes the room in function.zip, {total / 1e6:.2f} MB</title>"]
    for index, (name, size, box) in enumerate(_placed(ordered, (0, 0, WIDTH, HEIGHT))):
        lines += _tile(name, size, 100 * size / total, box, _COLOURS[index % len(_COLOURS)])
    return "\n".join([*lines, "</svg>", ""])


def _placed(parts: Sequence[tuple[int, str]], box: Box) -> Iterator[tuple[str, int, Box]]:
    """Halve the parts by size and the box along its longer side, until each part has a box."""
    if len(parts) <= 1:
        yield from ((name, size, box) for size, name in parts)
        return
    total, first, count = sum(size for size, _ in parts), 0, 0
    while count == 0 or (count < len(parts) - 1 and first + parts[count][0] <= total / 2):
        first, count = first + parts[count][0], count + 1
    left, top, width, height = box
    if width >= height:
        cut = width * first / total
        boxes = (left, top, cut, height), (left + cut, top, width - cut, height)
    else:
        cut = height * first / total
        boxes = (left, top, width, cut), (left, top + cut, width, height - cut)
    yield from _placed(parts[:count], boxes[0])
    yield from _placed(parts[count:], boxes[1])


def _tile(name: str, size: int, share: float, box: Box, colour: str) -> Iterator[str]:
    left, top, width, height = box
    label, figure = escape(name), f"{size / 1e3:.0f} kB, {share:.1f} %"
    place = f'x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"'
    yield f'<g><title>{label}: {figure}</title><rect {place} fill="{colour}" stroke="#fff"/>'
    if width > 0.6 * _FONT * max(len(name), len(figure)) and height > 3 * _FONT:
        text = f'<text x="{left + 6:.1f}" font-size="{_FONT}" fill="#fff"'
        yield f'{text} y="{top + 1.4 * _FONT:.1f}">{label}</text>{text} y="{top + 2.7 * _FONT:.1f}">{figure}</text>'
    yield "</g>"
