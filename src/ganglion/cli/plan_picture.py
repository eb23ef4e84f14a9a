"""A plan as a picture: a box per machine with what it computes, an arrow per link with what crosses it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from ..plan.cut import Explained

BOX, GAP, HEIGHT = 180, 170, 120
STYLE = 'font-family="sans-serif" font-size="12"'


def picture(found: Explained) -> str:
    """SVG, hosts from the input outwards."""
    hosts, links = found.parts.hosts, found.parts.links
    width = len(hosts) * BOX + len(links) * GAP + 40
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT + 40}" {STYLE}>']
    for at, host in enumerate(hosts):
        x = 20 + at * (BOX + GAP)
        first, last = host.segments
        share = f"segments {first} to {last - 1}" if last > first else "passes on"
        parts.append(f'<rect x="{x}" y="20" width="{BOX}" height="{HEIGHT}" rx="8" fill="none" stroke="black"/>')
        for line, text in enumerate(
            (host.host, share, f"{1e3 * host.compute_s:.3g} ms", f"{host.memory_bytes / 1e6:.3g} MB")
        ):
            parts.append(f'<text x="{x + 12}" y="{48 + 22 * line}">{escape(text)}</text>')
    for at, link in enumerate(links):
        x, y = 20 + BOX + at * (BOX + GAP), 20 + HEIGHT // 2
        dash = "" if link.tensor else ' stroke-dasharray="4"'
        parts.append(f'<line x1="{x}" y1="{y}" x2="{x + GAP - 8}" y2="{y}" stroke="black"{dash}/>')
        parts.append(f'<path d="M{x + GAP - 8} {y - 4} l8 4 l-8 4 z"/>')
        said = (
            f"{link.link}: {link.tensor}",
            f"{link.bytes / 1e3:.3g} kB {link.wire or ''}, {1e3 * link.whole_s:.3g} ms",
        )
        for line, text in enumerate(said if link.tensor else (link.link, "nothing crosses")):
            parts.append(f'<text x="{x + 6}" y="{y - 24 + 16 * line}" font-size="10">{escape(text[:30])}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
