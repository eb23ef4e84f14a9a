"""What a disk has lost of the release that answers comes back from the node above, without anybody's help."""

from __future__ import annotations

import pytest

from ganglion.flow.install.messages import Installed
from ganglion.node.loaded import loaded
from small_fleet import EDGES, SITES, Story, begin, first_release

EDGE, DEVICE = EDGES[0], SITES[EDGES[0]][0]


def refs(story: Story) -> list[str]:
    """The blobs of the first release, its manifest first."""
    drive = story.world.nodes[EDGE].drive
    assert drive is not None
    ready = loaded(drive.tools, 0)
    assert ready is not None
    manifest = drive.slots["Install/"].flow.manifest  # type: ignore[attr-defined]
    return [ref.digest for ref in (manifest, *ready.release.refs())]


@pytest.mark.parametrize("lost", ["manifest", "blobs", "all"])
def test_a_damaged_release_is_fetched_again_after_a_restart(lost: str) -> None:
    story = begin(seed=3)
    first_release(story)
    story.world.rest(5.0)
    wanted = refs(story)
    gone = {"manifest": wanted[:1], "blobs": wanted[1:], "all": wanted}[lost]
    for node in (EDGE, DEVICE):
        story.kill(node)
        for digest in gone:
            del story.world.nodes[node].platter.blobs[digest]
    story.start(EDGE)
    story.start(DEVICE)
    story.world.rest(10.0)
    for node in (EDGE, DEVICE):
        assert all(digest in story.world.nodes[node].platter.blobs for digest in wanted)
        drive = story.world.nodes[node].drive
        assert drive is not None
        assert loaded(drive.tools, 0) is not None
    assert {node for _, node, body in story.told(Installed) if body.state == "damaged"} == {EDGE, DEVICE}
