"""Runs the script in one of the two worlds, measures, checks, reports."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, GanglionError
from ..core.fleet import NodeId
from ..project import Loaded, resolve
from ..run import live_capture, live_world, simulated_world
from .fleet import CLOUD, EDGES
from .invariants import check
from .options import DemoOptions
from .plant import plant
from .privacy import Capture
from .report import html
from .result import measure
from .script import Script
from .setup import DemoSetup, demo_setup

Say = Callable[[str], None]
TAIL_LINES = 12  # of each node's log, shown when something failed


def run_demo(options: DemoOptions, say: Say, show: Callable[[dict[str, Any]], None]) -> int:
    """The whole demo: 0 when every invariant held, 1 when one did not."""
    out = options.out or Path("demo-out")
    out.mkdir(parents=True, exist_ok=True)
    result = play(options, out, say)
    (out / "demo.json").write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    (out / "demo.html").write_text(html(result))
    show(result)
    say(f"the report is {out / 'demo.html'}, its figures {out / 'demo.json'}")
    return 0 if all(one["holds"] for one in result["invariants"]) else 1


def play(options: DemoOptions, out: Path, say: Say) -> dict[str, Any]:
    """One run and what it measured, invariants included."""
    if options.plant and not options.sim:
        raise ConfigError(f"a violation ({options.plant!r}) can only be planted in the simulator; add --sim")
    with _workspace(options, out) as folder:
        made = demo_setup(options, Path(folder) / "project")
        capture = Capture()
        loaded = resolve(made.setup.spec)
        with _world(options, made, loaded, Path(folder), capture, say) as world:
            plant(options.plant, world, made.setup)
            try:
                story = Script(world, options, say).run()
                say("measure")
                for body in () if options.sim else live_capture(Path(folder), CLOUD, EDGES):
                    capture.add(body)
                result = measure(options, made, loaded, world, story, capture)
            except GanglionError:
                _show_logs(options, world, say)
                raise
            if options.keep and not options.sim:
                world.detach()
                say(f"the fleet stays up: `ganglion status {folder}`, `ganglion down {folder}`")
    result["invariants"] = check(result)
    return result


def good_releases(options: DemoOptions) -> list[bool]:
    """The first release and another as good, on a fleet where nothing changes: whether each was kept."""
    with tempfile.TemporaryDirectory(prefix="ganglion-") as folder:
        made = demo_setup(options, Path(folder) / "project")
        loaded = resolve(made.setup.spec)
        with _world(options, made, loaded, Path(folder), Capture(), lambda words: None) as world:
            script = Script(world, options, lambda words: None)
            script.first_release()
            script.refine()
            return [over.kept for _, over in sorted(script.story.jobs.items())]


def _show_logs(options: DemoOptions, world: Any, say: Say) -> None:
    """The end of each node's log, for whoever has to find out."""
    for node in () if options.sim else world.fleet.nodes:
        for line in world.log_tail(node.id, TAIL_LINES):
            say(f"  {node.id}: {line}")


def _workspace(options: DemoOptions, out: Path) -> AbstractContextManager[str]:
    if options.sim:
        return tempfile.TemporaryDirectory(prefix="ganglion-")
    fleet = out / "fleet"
    if fleet.exists():
        shutil.rmtree(fleet)
    fleet.mkdir(mode=0o700)
    return nullcontext(str(fleet))


def _world(
    options: DemoOptions, made: DemoSetup, loaded: Loaded, folder: Path, capture: Capture, say: Say
) -> AbstractContextManager[Any]:
    if options.sim:

        def tap(sender: NodeId, to: NodeId, body: bytes) -> None:
            if CLOUD in (sender, to):
                capture.add(body)

        return simulated_world(made.setup, options.seed, loaded, tap, options.cache)
    return live_world(made.setup, options.seed, folder, options.log_format, True, say)
