"""What can befall a roll-out, case by case: each plays a story and says what was not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..core.facts import Activated, Seen
from ..core.process import Heard, Send
from ..flow.install.messages import Installed
from ..flow.install.node import Phase as Standing
from ..flow.rollout.cloud import Phase
from ..flow.rollout.messages import Offer, Report, Ringed, Steer
from ..flow.rollout.revert import Revert
from ..node.loaded import RELEASES
from .rollout_fleet import CLOUD, DEVICES, EDGES, RINGS, SETTLE_S, Story, rules, world

Wrong = Iterator[str]
STEP_S = 0.005  # between two looks for the moment of a power cut
AWAY_S = 1.0
SHORT_S = 25.0  # a ring's patience where some site will not report


def ends(story: Story, number: int, kept: bool, stays: int) -> Wrong:
    """A roll-out's end: every node answers with the release that stays, at that floor, and no request failed."""
    story.until(story.settled, SETTLE_S)
    over = story.over(number)
    if over is None or over.kept is not kept:
        yield f"roll-out {number} ended as {over}"
    if story.answering() != {stays}:
        yield f"nodes answer with {sorted(story.answering())}, not {stays}"
    floors = {story.install(node).floor for node in (*EDGES, *DEVICES)}
    if floors != {stays}:
        yield f"floors are {sorted(floors)}, not {stays}"
    if failed := story.failed():
        yield f"{failed} requests failed"


def good(seed: int) -> Wrong:
    """A better release goes through shadow, canary, share and fleet."""
    story = world(seed)
    story.release(2, "better", rules(error=0.1))
    steps = [body.step for _, _, body in story.told(Ringed) if body.counter == 2]
    if steps != ["shadow", "canary", "soak", "ring", "soak", "ring", "soak"]:
        yield f"its steps were {steps}"
    yield from ends(story, 2, True, 2)


def refused(kind: str) -> Callable[[int], Wrong]:
    """A release that is worse, slow or too large comes back, and nobody answered with it but in the shadow."""

    def case(seed: int) -> Wrong:
        story = world(seed)
        story.release(2, kind)
        yield from ends(story, 2, False, 1)

    return case


def cloud_away(seed: int) -> Wrong:
    """The canary answers with a worse one, its cloud is cut off: the site goes back by itself, from its own disk."""
    story = world(seed)
    story.begin(2, "worse", rules(shadow=False))
    if not story.until(lambda: 2 in story.answering(), SETTLE_S, STEP_S):
        yield "the canary never answered with it"
    story.world.cut(EDGES[0])
    before = story.world.bytes(EDGES[0])
    if not story.until(lambda: story.install(EDGES[0]).phase is Standing.IDLE, 60.0):
        yield f"the site stands at {story.install(EDGES[0]).phase.name} while the cloud is away"
    if story.install(EDGES[0]).current != 1 or story.world.bytes(EDGES[0]) != before:
        yield "it did not go back without the network"
    story.world.mend(EDGES[0])
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    yield from ends(story, 2, False, 1)


def canary_unreached(seed: int) -> Wrong:
    """Nobody can say how it does at the canary: at the deadline it comes back, and nobody had it."""
    story = world(seed)
    story.begin(2, "better", rules(patience_s=SHORT_S))
    story.at(lambda: story.rollout(2) is not None, SETTLE_S)
    story.world.cut(EDGES[0])
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    if any(body.counter == 2 for _, _, body in story.told(Activated)):
        yield "somebody answered with it"
    story.world.mend(EDGES[0])
    yield from ends(story, 2, False, 1)


def site_unreached(seed: int) -> Wrong:
    """A site of the last ring is away: neither success nor failure; it catches up when it comes back."""
    story = world(seed)
    story.world.cut(EDGES[-1])
    story.release(2, "better", rules(error=0.1, patience_s=SHORT_S))
    if story.install(EDGES[-1]).current != 1:
        yield "the site took it without a link"
    story.world.mend(EDGES[-1])
    yield from ends(story, 2, True, 2)


def paused(seed: int) -> Wrong:
    """While it is paused nobody more gets it and who has it keeps it; then it goes on."""
    story = world(seed)
    story.begin(2, "better", rules(error=0.1, patience_s=SHORT_S))
    story.until(lambda: 2 in story.answering(), SETTLE_S, STEP_S)
    story.world.tell(CLOUD, Steer(2, "pause", "otto"))
    story.world.rest(2 * SHORT_S)
    if {node for _, node, body in story.told(Activated) if body.counter == 2} != {EDGES[0], DEVICES[0]}:
        yield "others than the canary's site got it"
    if story.install(EDGES[0]).current != 2 or story.over(2) is not None:
        yield "it did not stand still"
    story.world.tell(CLOUD, Steer(2, "resume", "otto"))
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    yield from ends(story, 2, True, 2)


def aborted(seed: int) -> Wrong:
    """Everybody goes back, in whichever ring it was."""
    story = world(seed)
    story.begin(2, "better", rules(error=0.1))
    story.until(lambda: (flow := story.rollout(2)) is not None and flow.phase is Phase.PROMOTING, SETTLE_S, STEP_S)
    story.world.tell(CLOUD, Steer(2, "abort", "otto"))
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    yield from ends(story, 2, False, 1)


def rolled_back(seed: int) -> Wrong:
    """After the commit: the old weights come as release 3, their manifest alone is sent; release 1 stays refused."""
    story = world(seed)
    story.release(2, "alike", rules(error=0.5))
    story.until(story.settled, SETTLE_S)
    stored = sum(map(len, story.world.nodes[EDGES[0]].platter.blobs.values()))
    story.world.begin(CLOUD, Revert(3, 1, "olga", RINGS, trial=False))
    story.until(lambda: story.over(3) is not None, SETTLE_S)
    yield from ends(story, 3, True, 3)
    new = sum(map(len, story.world.nodes[EDGES[0]].platter.blobs.values())) - stored
    manifest = next(row for row in story.tools(CLOUD).disk.scan(RELEASES) if row.key == "1")
    old = story.tools(CLOUD).codec.decode(manifest.data).manifest
    if new > 2 * old.size_bytes:
        yield f"{new} bytes were fetched for weights that were there"
    (said,) = story.install(EDGES[0]).on(Heard(CLOUD, Offer(1, old, True)), story.world.now_s())
    if not (
        isinstance(said, Send)
        and isinstance(said.body, Report)
        and said.body.state == "failed"
        and "floor 3" in said.body.why
    ):
        yield f"release 1 was answered with {said}"


def first_breaks(seed: int) -> Wrong:
    """No history, and the first release does not fit: nobody has it; a good one then goes out."""
    story = world(seed, first="")
    if story.release(1, "large"):
        yield "a release that does not fit was kept"
    yield from ends(story, 1, False, 0)
    story.release(2, "fair")
    yield from ends(story, 2, True, 2)


def many(seed: int) -> Wrong:
    """Good, bad, bad, good in a row: the last good one answers, the one before it is kept in the second slot."""
    story = world(seed)
    for number, kind in enumerate(("worse", "slow"), 2):
        story.release(number, kind)
        yield from ends(story, number, False, 1)
    story.release(4, "better", rules(error=0.1))
    yield from ends(story, 4, True, 4)
    if {(story.install(edge).current, story.install(edge).before) for edge in EDGES} != {(4, 1)}:
        yield "the second slot does not hold the release before"


def crash_loop(seed: int) -> Wrong:
    """The canary's process ends three times on probation: its site goes back."""
    story = world(seed)
    story.begin(2, "alike", rules(shadow=False, soak_s=60.0))
    for _ in range(3):
        story.until(lambda: story.install(EDGES[0]).phase is Standing.PROBATION, SETTLE_S, STEP_S)
        story.kill(EDGES[0])
        story.world.rest(AWAY_S)
        story.start(EDGES[0])
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    yield from ends(story, 2, False, 1)


def power_cut(node: str, phase: str, kind: str) -> Callable[[int], Wrong]:
    """A node loses its power the moment it reaches a phase; afterwards all is as if it had not."""

    def there(story: Story) -> bool:
        if node == CLOUD:
            flow = story.rollout(2)
            return flow is not None and flow.phase.name == phase
        return bool(story.install(victim).phase.name == phase)

    victim = next(one for one in (CLOUD, *EDGES, *DEVICES) if one == node)

    def case(seed: int) -> Wrong:
        story = world(seed)
        story.begin(2, kind, rules(shadow=kind != "worse", error=0.0 if kind == "worse" else 0.1))
        if not story.at(lambda: there(story), SETTLE_S):
            yield f"{node} never came to {phase}"
            return
        story.kill(victim)
        story.world.rest(AWAY_S)
        story.start(victim)
        story.until(lambda: story.over(2) is not None, SETTLE_S)
        yield from ends(story, 2, kind != "worse", 1 if kind == "worse" else 2)

    return case


def inputs_to_return(seed: int) -> int:
    """Of a release with two labels swapped that answers at the canary at once: inputs there until its site goes back.

    -1: it did not.
    """
    story = world(seed)
    story.release(2, "worse", rules(shadow=False))
    site = EDGES[0]
    at_s = {body.state: at for at, node, body in story.told(Installed) if node == site and body.counter == 2}
    if not {"live", "back"} <= set(at_s):
        return -1
    return sum(at_s["live"] <= at <= at_s["back"] and node == site for at, node, _ in story.told(Seen))
