"""The picture of the fleet: its nodes as a tree, and what went over each link."""

from __future__ import annotations

from collections.abc import Sequence

from .figures import LETTER, ROW, WIDTH, Point, box, figure, legend, missing, text
from .figures_table import Result
from .figures_text import size

Link = tuple[str, str, float, float]  # lower end, upper end, bytes up, bytes down
LEAF = 58.0  # height that a node without children is given
WIDEST = 14.0  # pixels of the link that carried most in one direction
BOX = 26.0  # least height of a node
GAP = 1.0  # between strokes


def links(result: Result) -> str:
    """Bytes by link: the farthest node at the left, devices at the right."""
    name, title = "links", "Bytes by link"
    caption = "What went over each link in the whole run, towards the cloud (up) and away from it (down)."
    each: list[Link] = [(lower, upper, up, down) for lower, upper, up, down in result["series"]["links"]]
    if not each:
        return missing(name, title, caption)
    places = _places(each)
    columns = max(column for column, _ in places.values()) + 1
    width = min(86.0, LETTER * max(map(len, places)) + 16)
    pitch = (WIDTH - 12 - width) / max(columns - 1, 1)
    at = {node: (6 + column * pitch, 6 + y) for node, (column, y) in places.items()}
    most = max((max(up, down) for _, _, up, down in each), default=0) or 1
    ribbons, tall = [], {}
    for node, (_, y) in at.items():
        below = [link for link in each if link[1] == node]
        port = y - sum(_thick(link, most) for link in below) / 2
        tall[node] = max(BOX, 2 * (y - port) + 6)
        for link in below:
            ribbons.append(_ribbon(link, (at[node][0] + width, port), at[link[0]], most))
            port += _thick(link, most)
    nodes = [
        box(x, y - tall[node] / 2, width, tall[node], "node") + text(x + width / 2, y + 4, node, "inside", "middle")
        for node, (x, y) in at.items()
    ]
    bottom = max(y for _, y in at.values()) + LEAF / 2
    key, end = legend([("fill-0", "up"), ("fill-1", "down")], bottom + ROW)
    told = [f"{lower} to {upper}: {size(up)} up, {size(down)} down" for lower, upper, up, down in each]
    return figure(name, title, ("".join([*ribbons, *nodes, key]), end - 8), caption, "; ".join(told) + ".")


def _places(each: Sequence[Link]) -> dict[str, tuple[int, float]]:
    """For each node its column from the root, and its height: leaves in order, a parent amid its children."""
    lowers = {lower for lower, *_ in each}
    places: dict[str, tuple[int, float]] = {}
    free = LEAF / 2

    def place(node: str, column: int) -> float:
        nonlocal free
        heights = [place(lower, column + 1) for lower, upper, *_ in each if upper == node]
        if heights:
            y = (heights[0] + heights[-1]) / 2
        else:
            y, free = free, free + LEAF
        places[node] = (column, y)
        return y

    for root in dict.fromkeys(upper for _, upper, *_ in each if upper not in lowers):
        place(root, 0)
    return places


def _thick(link: Link, most: float) -> float:
    """The room that a link's two strokes take, with a gap after each."""
    return _wide(link[2], most) + _wide(link[3], most) + 2 * GAP


def _wide(part: float, most: float) -> float:
    return max(WIDEST * part / most, 1.0)


def _ribbon(link: Link, port: Point, end: Point, most: float) -> str:
    """Two strokes as wide as their bytes from below a port; level where they reach the lower node and are labelled."""
    _, _, up, down = link
    (x1, y1), (x2, y2) = port, end
    level = x2 - min(x2 - x1 - 24, LETTER * 14)
    middle, wide_up, wide_down = (x1 + level) / 2, _wide(up, most), _wide(down, most)
    parts = []
    for kind, wide, start, stop in (
        ("up", wide_up, y1 + wide_up / 2, y2 - wide_up / 2 - GAP / 2),
        ("down", wide_down, y1 + wide_up + GAP + wide_down / 2, y2 + wide_down / 2 + GAP / 2),
    ):
        bend = f"C{middle:.1f} {start:.1f} {middle:.1f} {stop:.1f} {level:.1f} {stop:.1f}"
        way = f"M{x1:.1f} {start:.1f}{bend}H{x2:.1f}"
        parts.append(f'<path d="{way}" class="flow-{kind}" stroke-width="{wide:.1f}"/>')
    parts.append(text(x2 - 6, y2 - wide_up - 5, f"up {size(up)}", "label", "end"))
    parts.append(text(x2 - 6, y2 + wide_down + 13, f"down {size(down)}", "label", "end"))
    return "".join(parts)
