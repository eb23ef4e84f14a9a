"""Which flows each place runs: one table of rows per zone. Adding a flow to a place is adding a row here."""

from __future__ import annotations

from typing import Any

from ..core.facts import Activated, Answered, Arrived, Audited, Denied, Fetched, Hard, Missed, Pushed, Restarted, Seen
from ..core.fleet import NodeId
from ..core.label import Zone
from ..core.process import Flow
from ..flow.adapt.cloud import Improve
from ..flow.adapt.edge import Adapt
from ..flow.adapt.messages import Candidate
from ..flow.audit.entrust import Entrust
from ..flow.audit.messages import Entrusted
from ..flow.audit.node import Auditor
from ..flow.buffer.cloud import Buffer
from ..flow.deliver.messages import Hand
from ..flow.deliver.node import Deliver
from ..flow.fetch.client import Fetch, Give
from ..flow.fetch.messages import Got, Piece, Pull, Push
from ..flow.fetch.server import Depot
from ..flow.install.node import Install
from ..flow.job.cloud import Job
from ..flow.keep.edge import Keeper
from ..flow.presence.messages import Beat
from ..flow.presence.node import Presence
from ..flow.profile.messages import Measure, Measured, Surveyed
from ..flow.profile.nodes import Gauge, Survey
from ..flow.rollout.cloud import Rollout
from ..flow.rollout.messages import Back, Commit, Offer, Promote, Report, RolledOut, Steer
from ..flow.rollout.revert import Revert
from ..flow.round.client import RoundClient
from ..flow.round.learner import Learner
from ..flow.round.messages import Abandon, Assign, Begun, Declined, Dismiss, Learnt, RoundOver
from ..flow.round.messages import Ask as AskToLearn
from ..flow.round.relay import Relay
from ..flow.round.server import Round
from ..flow.sense.device import Sense
from ..flow.sense.messages import Stream
from ..flow.serve.messages import Ask, Attend, Mirror, Reply
from ..flow.serve.node import Serve
from ..flow.train.cloud import Train
from ..flow.train.messages import Order as TrainOrder
from ..flow.trial.edge import Trial
from ..flow.trial.messages import Verdict
from ..flow.watch.device import Monitor
from ..flow.watch.messages import Alarm
from . import work
from .numbers import take_number
from .runs import Runs
from .tools import Tools


def _parent(tools: Tools) -> NodeId:
    parent = tools.fleet.node(tools.me).parent
    assert parent is not None  # only the cloud has none, and these rows are not the cloud's
    return parent


def _children(tools: Tools) -> tuple[NodeId, ...]:
    return tuple(node.id for node in tools.fleet.children(tools.me))


def _serve(tools: Tools) -> Flow:
    node = tools.fleet.node(tools.me)
    above = None if node.parent is None else tools.fleet.zone(node.parent)
    return Serve(node.id, node.zone, node.parent, above, _children(tools))


def _deliver(tools: Tools) -> Flow:
    node = tools.fleet.node(tools.me)
    return Deliver(node.parent, None if node.parent is None else tools.fleet.zone(node.parent))


def _install(tools: Tools) -> Flow:
    zone = int(tools.fleet.zone(tools.me))
    return Install(tools.me, _parent(tools), zone, _children(tools), tools.policy.trial_inputs)


def _gauge(tools: Tools, sender: NodeId, body: Any) -> Flow:
    first = _children(tools)[:1]
    return Gauge(body.number, int(tools.fleet.zone(tools.me)), _parent(tools), first[0] if first else None)


def _improve(tools: Tools, sender: NodeId, body: Any) -> Flow:
    edges = tuple(node.id for node in tools.fleet.at(Zone.EDGE))
    patience_s = tools.policy.patience_s
    return Improve(body.site, body.counter, take_number(tools), edges, patience_s, rings_of(tools, sender))


def _assigned(tools: Tools, sender: NodeId, body: Any) -> Flow:
    """Whoever has nodes below it asks them, as far down as the job goes; else it learns; for its parent alone."""
    below = _children(tools)
    if isinstance(body, Assign) and body.terms.tiers and below:
        return Relay(body.terms.job, _parent(tools), below)
    return Learner(int(body.key), _parent(tools))


def rings_of(tools: Tools, canary: NodeId) -> tuple[tuple[NodeId, ...], ...]:
    """The canary's ring, then everybody else's."""
    others = tuple(node.id for node in tools.fleet.at(Zone.EDGE) if node.id != canary)
    return ((canary,), others) if others else ((canary,),)


_SERVE = Runs(
    Serve, work.SERVE, hears=(Ask, Reply, Mirror, Attend), told=(Arrived, Attend), linked=True, standing=_serve
)
_DELIVER = Runs(Deliver, work.DELIVER, hears=(Hand,), told=(Hard,), standing=_deliver)
_PRESENCE = Runs(
    Presence,
    work.NONE,
    hears=(Beat,),
    told=(Answered, Activated),
    standing=lambda tools: Presence(tools.me, tools.fleet.node(tools.me).parent),
)
_AUDITOR = Runs(Auditor, work.AUDIT, told=(Audited, Denied, Missed), standing=lambda tools: Auditor())
_ENTRUST = Runs(
    Entrust,
    work.NONE,
    hears=(Entrusted,),
    told=(Audited, Denied, Missed),
    standing=lambda tools: Entrust(tools.me, tools.fleet.node(tools.me).parent),
)
_DEPOT = Runs(Depot, work.DEPOT, hears=(Pull, Push), standing=lambda tools: Depot())
_FETCH = Runs(Fetch, work.FETCH, hears=(Piece, Got))
_GIVE = Runs(Give, work.GIVE, hears=(Got,))
_INSTALL = Runs(
    Install,
    work.INSTALL,
    hears=(Offer, Promote, Commit, Back, Report),
    told=(Fetched, Verdict, Restarted),
    standing=_install,
)
_LEARNER = Runs(Learner, work.LEARNER, hears=(Assign, Dismiss), told=(Fetched, Pushed), spawned=_assigned)
_ROUND = Runs(Round, work.ROUND, hears=(Learnt, Declined, Begun), told=(Abandon,))
_GAUGE = Runs(Gauge, work.GAUGE, hears=(Measure, Measured), told=(Fetched,), spawned=_gauge)

PLACES: dict[Zone, tuple[Runs, ...]] = {
    Zone.DEVICE: (
        Runs(Sense, work.SENSE, told=(Stream,), standing=lambda tools: Sense()),
        _SERVE,
        Runs(
            Monitor,
            work.MONITOR,
            told=(Answered, Activated),
            standing=lambda tools: Monitor(tools.me, _parent(tools)),
        ),
        _DELIVER,
        _FETCH,
        _INSTALL,
        _GAUGE,
        _LEARNER,
        _PRESENCE,
        _AUDITOR,
        _ENTRUST,
    ),
    Zone.EDGE: (
        _SERVE,
        Runs(Keeper, work.KEEPER, told=(Seen,), standing=lambda tools: Keeper()),
        _DELIVER,
        _DEPOT,
        _FETCH,
        _GIVE,
        Runs(Trial, work.TRIAL, told=(Seen,)),
        _INSTALL,
        _GAUGE,
        Runs(
            Adapt,
            work.ADAPT,
            hears=(Alarm,),
            told=(Fetched, Pushed, Activated),
            standing=lambda tools: Adapt(tools.me, _parent(tools), tools.policy.wanted_labels),
        ),
        Runs(
            RoundClient,
            work.ROUND_CLIENT,
            hears=(AskToLearn,),
            told=(Fetched, Pushed),
            spawned=lambda tools, sender, body: RoundClient(body.number, sender, tools.policy.least_labels),
        ),
        _LEARNER,
        Runs(Relay, work.RELAY, hears=(Assign, Dismiss), told=(Fetched, Pushed, RoundOver)),
        _ROUND,
        _PRESENCE,
        _AUDITOR,
        _ENTRUST,
    ),
    Zone.CLOUD: (
        _SERVE,
        _DELIVER,
        _DEPOT,
        Runs(Survey, work.GAUGE, hears=(Measured,)),
        Runs(Rollout, work.NONE, hears=(Report,), told=(Steer,)),
        Runs(Revert, work.REVERT),
        _ROUND,
        Runs(Train, work.TRAIN, told=(RoundOver, TrainOrder)),
        Runs(Buffer, work.BUFFER, hears=(Learnt, Declined), told=(TrainOrder,)),
        Runs(Improve, work.IMPROVE, hears=(Candidate,), told=(RoundOver,), spawned=_improve),
        Runs(Job, work.JOB, told=(Surveyed, RolledOut)),
        _PRESENCE,
        _AUDITOR,
        _ENTRUST,
    ),
}

ALL_WORK = {kind: row for runs in PLACES.values() for one in runs for kind, row in one.work.items()}
