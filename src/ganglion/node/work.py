"""Who carries out what, and where: one table per flow. A node refuses to start when a table and its flow differ."""

from __future__ import annotations

from ..flow.adapt.messages import Apply, Learn, Material, Protect
from ..flow.audit.messages import Log
from ..flow.deliver.messages import Store, Take
from ..flow.fetch.messages import Patch, Slice
from ..flow.install.messages import Activate, Examine, Inspect, Verify
from ..flow.job.messages import FreshWeights, MakeDraft, Package
from ..flow.keep.messages import Gather, Keep
from ..flow.profile.messages import TimeStages
from ..flow.rollout.messages import Reissue
from ..flow.round.messages import Aggregate, Check, StepBelow, TrainLocally
from ..flow.sense.messages import Read
from ..flow.serve.messages import Run
from ..flow.train.messages import Begin, Choose, Evaluate, Step, Tidy
from ..flow.trial.messages import Compare, Judge
from ..flow.watch.messages import Watch
from . import advancing, auditing, inference, judging, keeping, learning, packaging, releases, training
from .runs import Row, Where, Work

SERVE: Work = {Run: Row(inference.run, Where.INLINE)}
SENSE: Work = {Read: Row(inference.read, Where.INLINE)}
MONITOR: Work = {Watch: Row(inference.watch, Where.INLINE)}
KEEPER: Work = {Keep: Row(keeping.keep, Where.THREAD)}
DELIVER: Work = {Store: Row(keeping.store, Where.THREAD), Take: Row(keeping.take, Where.THREAD)}
FETCH: Work = {Patch: Row(keeping.patch_blob, Where.THREAD)}
GIVE: Work = {Slice: Row(keeping.slice_blob, Where.INLINE)}
DEPOT: Work = {**FETCH, **GIVE}
TRIAL: Work = {Compare: Row(inference.compare, Where.INLINE), Judge: Row(judging.judge, Where.INLINE)}
INSTALL: Work = {
    Inspect: Row(releases.inspect, Where.INLINE),
    Examine: Row(releases.examine, Where.THREAD),
    Verify: Row(releases.verify, Where.THREAD),
    Activate: Row(releases.switch, Where.INLINE),
}
GAUGE: Work = {TimeStages: Row(releases.time_stages, Where.THREAD)}
ADAPT: Work = {
    Gather: Row(keeping.gather, Where.THREAD),
    Material: Row(releases.material, Where.INLINE),
    Learn: Row(learning.learn, Where.WORKER),
    Protect: Row(learning.protect, Where.WORKER),
}
ROUND_CLIENT: Work = ADAPT
ROUND: Work = {Aggregate: Row(training.aggregate, Where.WORKER), Check: Row(training.check, Where.WORKER)}
LEARNER: Work = {
    Gather: Row(keeping.gather, Where.THREAD),
    TrainLocally: Row(training.train, Where.WORKER),
}
RELAY: Work = {StepBelow: Row(training.step_below, Where.WORKER)}
STEPS: Work = {
    Begin: Row(advancing.begin, Where.WORKER),
    Choose: Row(advancing.choose, Where.THREAD),
    Step: Row(advancing.step, Where.WORKER),
    Evaluate: Row(advancing.evaluate, Where.WORKER),
}
TRAIN: Work = {**STEPS, Tidy: Row(advancing.tidy, Where.THREAD)}
BUFFER: Work = {**ROUND, **STEPS}
IMPROVE: Work = {Apply: Row(learning.apply_update, Where.WORKER)}
JOB: Work = {
    FreshWeights: Row(learning.fresh_weights, Where.WORKER),
    MakeDraft: Row(packaging.make_draft, Where.WORKER),
    Package: Row(packaging.package, Where.WORKER),
}
REVERT: Work = {Reissue: Row(packaging.reissue, Where.INLINE)}
AUDIT: Work = {Log: Row(auditing.write, Where.INLINE)}
NONE: Work = {}
