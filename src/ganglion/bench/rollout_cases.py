"""What can befall a roll-out, case by case, in either world: each plays a story and says what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..core.facts import Activated, Seen
from ..core.fleet import NodeId
from ..core.process import Heard, Send
from ..flow.install.messages import Installed
from ..flow.install.node import Phase as Standing
from ..flow.rollout.cloud import Phase
from ..flow.rollout.messages import Offer, Report, Ringed, Steer
from ..flow.rollout.revert import Revert
from ..node.bodies import make_codec
from ..node.loaded import RELEASES
from .rollout_fleet import CLOUD, SETTLE_S, Story, rules

Wrong = Iterator[str]
Play = Callable[[Story], Wrong]
STEP_S = 0.005  # between two looks for the moment of a power cut
AWAY_S, LIFE_S = 1.0, 0.1
MISSED = "was not met at"
SHORT_S = 25.0  # a ring's patience where some site will not report


def ends(story: Story, number: int, kept: bool, stays: int) -> Wrong:
    """A roll-out's end: every node answers with the release that stays, at that floor, and no request failed."""
    story.until(story.settled, SETTLE_S)
    over = story.over(number)
    if over is None or over.kept is not kept:
        yield f"roll-out {number} ended as {over}"
    if story.answering() != {stays}:
        yield f"nodes answer with {sorted(story.answering())}, not {stays}"
    floors = {story.install(node).floor for node in (*story.edges, *story.devices)}
    if floors != {stays}:
        yield f"floors are {sorted(floors)}, not {stays}"
    if failed := story.failed():
        yield f"{failed} requests failed"


def good(story: Story) -> Wrong:
    """A better release goes through shadow, canary, share and fleet."""
    story.release(2, "better", rules(error=0.1))
    steps = [body.step for _, _, body in story.told(Ringed) if body.counter == 2]
    if steps != ["shadow", "canary", "soak", "ring", "soak", "ring", "soak"]:
        yield f"its steps were {steps}"
    yield from ends(story, 2, True, 2)


def refused(kind: str) -> Play:
    """A release that is worse, slow or too large comes back, and nobody answered with it but in the shadow."""

    def case(story: Story) -> Wrong:
        story.release(2, kind)
        yield from ends(story, 2, False, 1)

    return case


def cloud_away(story: Story) -> Wrong:
    """The canary answers with a worse one, its cloud is cut off: the site goes back by itself, from its own disk."""
    story.begin(2, "worse", rules(shadow=False))
    if not story.until(lambda: 2 in story.answering(), SETTLE_S, STEP_S):
        yield "the canary never answered with it"
    story.world.cut(story.edges[0])
    before = story.world.bytes(story.edges[0])
    if not story.until(lambda: story.install(story.edges[0]).phase is Standing.IDLE, 60.0):
        yield f"the site stands at {story.install(story.edges[0]).phase.name} while the cloud is away"
    if story.install(story.edges[0]).current != 1 or story.world.bytes(story.edges[0]) != before:
        yield "it did not go back without the network"
    story.world.mend(story.edges[0])
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    yield from ends(story, 2, False, 1)


def canary_unreached(story: Story) -> Wrong:
    """Nobody can say how it does at the canary: at the deadline it comes back, and nobody had it."""
    story.begin(2, "better", rules(patience_s=SHORT_S))
    story.at(lambda: story.rollout(2) is not None, SETTLE_S)
    story.world.cut(story.edges[0])
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    if any(body.counter == 2 for _, _, body in story.told(Activated)):
        yield "somebody answered with it"
    story.world.mend(story.edges[0])
    yield from ends(story, 2, False, 1)


def site_unreached(story: Story) -> Wrong:
    """A site of the last ring is away: neither success nor failure; it catches up when it comes back."""
    story.world.cut(story.edges[-1])
    story.release(2, "better", rules(error=0.1, patience_s=SHORT_S))
    if story.install(story.edges[-1]).current != 1:
        yield "the site took it without a link"
    story.world.mend(story.edges[-1])
    yield from ends(story, 2, True, 2)


def paused(story: Story) -> Wrong:
    """While it is paused nobody more gets it and who has it keeps it; then it goes on."""
    story.begin(2, "better", rules(error=0.1, patience_s=SHORT_S))
    story.until(lambda: 2 in story.answering(), SETTLE_S, STEP_S)
    story.world.tell(CLOUD, Steer(2, "pause", "otto"))
    story.world.rest(2 * SHORT_S)
    if {node for _, node, body in story.told(Activated) if body.counter == 2} != {story.edges[0], story.devices[0]}:
        yield "others than the canary's site got it"
    if story.install(story.edges[0]).current != 2 or story.over(2) is not None:
        yield "it did not stand still"
    story.world.tell(CLOUD, Steer(2, "resume", "otto"))
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    yield from ends(story, 2, True, 2)


def aborted(story: Story) -> Wrong:
    """Everybody goes back, in whichever ring it was."""
    story.begin(2, "better", rules(error=0.1))
    story.until(lambda: (flow := story.rollout(2)) is not None and flow.phase is Phase.PROMOTING, SETTLE_S, STEP_S)
    story.world.tell(CLOUD, Steer(2, "abort", "otto"))
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    yield from ends(story, 2, False, 1)


def rolled_back(story: Story) -> Wrong:
    """After the commit: the old weights come as release 3, their manifest alone is sent; release 1 stays refused."""
    story.release(2, "alike", rules(error=0.5))
    story.until(story.settled, SETTLE_S)
    stored_bytes = story.look.stored_bytes(story.edges[0])
    story.world.begin(CLOUD, Revert(3, 1, "olga", story.rings, trial=False))
    story.until(lambda: story.over(3) is not None, SETTLE_S)
    yield from ends(story, 3, True, 3)
    new_bytes = story.look.stored_bytes(story.edges[0]) - stored_bytes
    manifest = next(row for row in story.look.disk(CLOUD).scan(RELEASES) if row.key == "1")
    old = make_codec().decode(manifest.data).manifest
    if new_bytes > 2 * old.size_bytes:
        yield f"{new_bytes} bytes were fetched for weights that were there"
    (said,) = story.install(story.edges[0]).on(Heard(CLOUD, Offer(1, old, True)), story.world.now_s())
    if not (
        isinstance(said, Send)
        and isinstance(said.body, Report)
        and said.body.state == "failed"
        and "floor 3" in said.body.why
    ):
        yield f"release 1 was answered with {said}"


def first_breaks(story: Story) -> Wrong:
    """No history, and the first release does not fit: nobody has it; a good one then goes out."""
    if story.release(1, "large"):
        yield "a release that does not fit was kept"
    yield from ends(story, 1, False, 0)
    story.release(2, "fair")
    yield from ends(story, 2, True, 2)


def many(story: Story) -> Wrong:
    """Good, bad, bad, good in a row: the last good one answers, the one before it is kept in the second slot."""
    for number, kind in enumerate(("worse", "slow"), 2):
        story.release(number, kind)
        yield from ends(story, number, False, 1)
    story.release(4, "better", rules(error=0.1))
    yield from ends(story, 4, True, 4)
    if {(story.install(edge).current, story.install(edge).before) for edge in story.edges} != {(4, 1)}:
        yield "the second slot does not hold the release before"


def crash_loop(story: Story) -> Wrong:
    """The canary's process ends three times on probation: its site goes back."""
    story.begin(2, "alike", rules(shadow=False, soak_s=60.0))
    for _ in range(3):
        story.until(lambda: story.install(story.edges[0]).phase is Standing.PROBATION, SETTLE_S, STEP_S)
        story.kill(story.edges[0])
        story.world.rest(AWAY_S)
        story.start(story.edges[0])
        story.world.rest(LIFE_S)  # a life that has written nothing is none that could be counted
    story.until(lambda: story.over(2) is not None, SETTLE_S)
    yield from ends(story, 2, False, 1)


def power_cut(victim: NodeId, phase: str, kind: str) -> Play:
    """A node loses its power the moment it reaches a phase; afterwards all is as if it had not."""

    def there(story: Story) -> bool:
        flow = story.rollout(2) if victim == CLOUD else story.install(victim)
        return flow is not None and flow.phase.name == phase

    def case(story: Story) -> Wrong:
        story.begin(2, kind, rules(shadow=kind != "worse", error=0.0 if kind == "worse" else 0.1))
        story.at(lambda: there(story) or story.over(2) is not None, SETTLE_S)
        if story.over(2) is not None:
            yield f"{victim} {MISSED} {phase}"
            return
        story.kill(victim)
        story.world.rest(AWAY_S)
        story.start(victim)
        story.until(lambda: story.over(2) is not None, SETTLE_S)
        yield from ends(story, 2, kind != "worse", 1 if kind == "worse" else 2)

    return case


def inputs_to_return(story: Story) -> int:
    """Of a release with swapped labels that answers at the canary at once: inputs until its site is back; -1: never."""
    story.release(2, "worse", rules(shadow=False))
    site = story.edges[0]
    at_s = {body.state: at for at, node, body in story.told(Installed) if node == site and body.counter == 2}
    if not {"live", "back"} <= set(at_s):
        return -1
    return sum(at_s["live"] <= at <= at_s["back"] and node == site for at, node, _ in story.told(Seen))


@dataclass(frozen=True)
class Case:
    """One row: what happens, and how it is played."""

    what: str
    play: Play
    first: str = "fair"  # version that answers before; "" = none
    only_sim: str = ""  # why it is not played with processes


BY_WEIGHTS = "a process's model differs in its weights alone"
EDGE, DEVICE = NodeId("edge-1"), NodeId("device-1")
CASES = (
    Case("a better release goes out", good),
    Case("labels swapped: comes back", refused("worse")),
    Case("200 times slower: comes back", refused("slow"), only_sim=BY_WEIGHTS),
    Case("too large for one device: comes back", refused("large"), only_sim=BY_WEIGHTS),
    Case("cloud away, worse: the site goes back by itself", cloud_away),
    Case("canary unreached: comes back", canary_unreached),
    Case("a site unreached: catches up", site_unreached),
    Case("paused and resumed", paused),
    Case("aborted", aborted),
    Case("rolled back after the commit", rolled_back),
    Case("no history and the first one breaks", first_breaks, "", BY_WEIGHTS),
    Case("bad, bad, good", many, only_sim=BY_WEIGHTS),
    Case("three crashes on probation", crash_loop),
)
CUTS = tuple(
    Case(f"power cut: {victim} at {phase}, {kind}", power_cut(victim, phase, kind))
    for victim, phase, kind in (
        *((EDGE, phase, "better") for phase in ("FETCHING", "VERIFYING", "SHADOW", "SWITCHING", "PROBATION")),
        *((DEVICE, phase, "better") for phase in ("FETCHING", "VERIFYING", "PROBATION")),
        (EDGE, "RETURNING", "worse"),
        *((CLOUD, phase, "better") for phase in ("SHADOWING", "JUDGING", "SOAKING", "PROMOTING", "COMMITTING")),
        (CLOUD, "RETURNING", "worse"),
    )
)
