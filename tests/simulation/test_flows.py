"""One invariant per flow, each under crashes and cuts: learning on site, rounds, blobs, the audit log, presence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from ganglion.core.facts import Audited, Drifted, Fetched, Pushed
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_RAW, Form, Label, Tier
from ganglion.core.rng import stream
from ganglion.flow.adapt.messages import LearntLocally, Withheld
from ganglion.flow.fetch.client import Fetch, Give
from ganglion.flow.job.messages import JobOver, JobStep, Released
from ganglion.flow.presence.messages import Present
from ganglion.flow.presence.node import BEAT_S
from ganglion.flow.round.messages import RoundOver
from ganglion.node.auditing import read
from ganglion.node.loaded import ACTIVE
from small_fleet import CLOUD, DEVICES, EDGES, NODES, SITES, WORST, Story, begin, first_release, trouble, unanswered

SITE = EDGES[0]
SEEDS = 16


def learning(seed: int) -> Story:
    """One site's world changes while nodes die; the loop has to close by itself."""
    story = begin(seed)
    first_release(story)
    story.world.rest(4.0)
    story.world.wires.faults = WORST
    for device in SITES[SITE]:
        story.stream(device, "moved")
    trouble(story, seed, 6, 25.0)
    story.heal()
    story.rest_until(lambda: any(body.counter > 1 or body.why for body in ended(story)), 500.0)
    for device in DEVICES:
        story.stream(device, "")
    story.rest_until(lambda: not running(story), 400.0)
    story.world.rest(20.0)
    return story


def ended(story: Story) -> Iterator[JobOver]:
    """Jobs that are over."""
    return (body for _, _, body in story.told(JobOver) if body.number > 1)


def running(story: Story) -> set[int]:
    """Jobs that have begun and not ended."""
    return {body.number for _, _, body in story.told(JobStep)} - {body.number for _, _, body in story.told(JobOver)}


def kept_above(story: Story) -> Counter[tuple[str, str]]:
    """Acts in the cloud's log."""
    drive = story.world.nodes[CLOUD].drive
    assert drive is not None
    acts = [drive.tools.codec.decode(entry.record).act for entry in read(drive.tools.disk, drive.tools.codec)]
    return Counter((act.act, act.what) for act in acts)


@pytest.fixture(scope="module")
def stories() -> list[Story]:
    return [learning(seed) for seed in range(SEEDS)]


def test_a_drift_ends_in_a_release_that_was_learnt_on_site(stories: list[Story]) -> None:
    for seed, story in enumerate(stories):
        assert any(body.site == SITE for _, _, body in story.told(Drifted)), f"seed {seed}: nobody noticed"
        assert any(body.site == SITE for _, _, body in story.told(LearntLocally)), f"seed {seed}: nothing was learnt"
        assert story.told(Withheld) == [], f"seed {seed}: consent was declared"
        triggers = [body.trigger for _, _, body in story.told(Released)]
        assert triggers[0] == "first release" and f"drift at {SITE}" in triggers, f"seed {seed}: {triggers}"
        assert running(story) == set(), f"seed {seed}"


def test_all_nodes_answer_with_the_release_that_was_kept_last(stories: list[Story]) -> None:
    for seed, story in enumerate(stories):
        last = max(body.counter for _, _, body in story.told(JobOver) if body.kept)
        found = {node: drive.tools.loaded[ACTIVE] for node in NODES[1:] if (drive := story.world.nodes[node].drive)}
        assert set(found.values()) == {last}, f"seed {seed}: {found}"


def test_a_learnt_release_is_kept_in_most_worlds(stories: list[Story]) -> None:
    kept = sum(any(body.kept for body in ended(story)) for story in stories)
    assert kept >= SEEDS * 3 // 4, f"{kept} of {SEEDS}"


def test_every_round_ends_once_and_counts_nobody_twice(stories: list[Story]) -> None:
    for seed, story in enumerate(stories):
        overs = [body for _, _, body in story.told(RoundOver)]
        assert len({over.number for over in overs}) == len(set(overs)) > 0, f"seed {seed}: {overs}"
        assert all(len(set(over.counted)) == len(over.counted) for over in overs), f"seed {seed}"


def test_what_was_declassified_is_in_the_audit_log_once(stories: list[Story]) -> None:
    for seed, story in enumerate(stories):
        for edge in EDGES:
            drive = story.world.nodes[edge].drive
            assert drive is not None
            codec = drive.tools.codec
            logged = [codec.decode(entry.record).act for entry in read(drive.tools.disk, codec)]
            acts = [body for _, node, body in story.told(Audited) if node == edge]
            assert Counter(logged) == Counter(acts), f"seed {seed}, {edge}"
            copies = Counter((f"{edge}: {one.act}", one.what) for one in acts)
            assert not copies - kept_above(story), f"seed {seed}, {edge}: the cloud's log lacks some"
        assert any(body.act == "declassify" for _, _, body in story.told(Audited)), f"seed {seed}"


def test_nothing_private_crossed_a_link_and_everybody_was_answered(stories: list[Story]) -> None:
    for seed, story in enumerate(stories):
        assert story.world.wires.violations == [], f"seed {seed}"
        assert unanswered(story, 1.5) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", range(12))
def test_blobs_arrive_whole_whatever_happens_on_their_way(seed: int) -> None:
    """Up and down at once, over a link that is slower than the troubles; what is begun again goes on where it was."""
    story, content = begin(seed), stream(seed, "blob").bytes(3_000_000)
    private = Label(Tier.EDGE, Form.RAW)
    tools = {node: drive.tools for node in NODES if (drive := story.world.nodes[node].drive)}
    pulled, pushed = tools[SITE].disk.put([content], private), tools[SITE].disk.put([content[::-1]], PUBLIC_RAW)
    story.world.wires.faults = WORST
    for _ in range(4):  # whoever wants a blob begins again after a crash
        _again(story, DEVICES[0], Fetch(pulled, SITE))
        _again(story, SITE, Give(pushed, CLOUD))
        trouble(story, seed, 3, 3.0)
    story.heal()
    story.world.rest(1.0)
    _again(story, DEVICES[0], Fetch(pulled, SITE))
    _again(story, SITE, Give(pushed, CLOUD))
    assert story.rest_until(lambda: bool(story.told(Fetched) and story.told(Pushed)), 120.0)
    assert story.world.blob(DEVICES[0], pulled) == content
    assert story.world.blob(CLOUD, pushed) == content[::-1]
    assert story.world.wires.violations == []


def test_knowing_a_digest_makes_nothing_public() -> None:
    """A neighbour that asks for a private blob under a public label gets no byte of it, and the denial is on record."""
    story, content = begin(3), stream(3, "private").bytes(50_000)
    drive = story.world.nodes[SITE].drive
    assert drive is not None
    kept = drive.tools.disk.put([content], Label(Tier.EDGE, Form.RAW))
    story.world.begin(CLOUD, Fetch(replace(kept, label=PUBLIC_RAW), SITE))
    story.world.rest(20.0)
    assert not story.told(Fetched) and not any(story.world.nodes[CLOUD].platter.parts.values())
    assert story.world.bytes(SITE)[0] < len(content) // 2 and story.world.wires.violations == []
    logged = [drive.tools.codec.decode(entry.record).act for entry in read(drive.tools.disk, drive.tools.codec)]
    assert ("denied at send", f"Piece {CLOUD}") in {(one.act, one.what) for one in logged}


def _again(story: Story, node: NodeId, flow: Fetch | Give) -> None:
    if node not in story.down:
        story.world.begin(node, flow)


@pytest.mark.parametrize("seed", range(4))
def test_the_cloud_hears_of_every_living_node_and_what_it_answers_with(seed: int) -> None:
    story = begin(seed)
    first_release(story)
    story.world.wires.faults = WORST
    trouble(story, seed, 6, 10.0)
    story.heal()
    story.kill(DEVICES[3])
    story.world.rest(1.0)
    since_s = story.world.now_s()
    story.world.rest(3 * BEAT_S)
    news = {body.node: body for at_s, node, body in story.told(Present) if node == CLOUD and at_s > since_s}
    assert set(news) == set(NODES[1:]) - {DEVICES[3]}
    assert {body.node for body in news.values() if body.answered > 0} >= {DEVICES[0]}
