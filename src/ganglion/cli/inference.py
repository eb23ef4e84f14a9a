"""`ganglion infer`: one sample of your own, answered as if a device's sensor had read it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import ConfigError, NotFound
from .screen import Output, show_json, show_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")
TIERS = {"public": 0, "derived": 1, "edge": 2, "user": 3}
HERE = Path(".")


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command(epilog="Example: ganglion infer digit.png --folder myproject")(infer)


def infer(
    file: Annotated[Path, typer.Argument(help="A picture, a .npy array, or a .json list of numbers.")],
    folder: Annotated[Path, typer.Option(help="The project's folder, or the demo's.")] = HERE,
    node: Annotated[str, typer.Option(help="The device that senses it; default: the first.")] = "",
    plan: Annotated[str, typer.Option(help="A plan of the release, such as cloud-only.")] = "",
    tier: Annotated[str, typer.Option(help="How private it is: public, derived, edge or user.")] = "public",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that the answer may take.")] = 5.0,
    output: Annotated[Output, typer.Option("--output", "-o", help="How the answer is printed.")] = Output.TABLE,
) -> None:
    """Have a running fleet answer one sample."""
    from ..core.label import Tier, Zone
    from ..live.admin import AdminClient
    from .folder import state_of
    from .nodes import active_release, node_folder

    if tier not in TIERS:
        raise ConfigError(f"--tier {tier}: it must be one of {', '.join(TIERS)}; public may be answered anywhere")
    place = node_folder(state_of(folder), node, Zone.DEVICE)
    with AdminClient(place) as client:
        release = active_release(place).release
        known = [one.name for one in release.plans]
        if plan and plan not in known:
            raise NotFound(f"no plan {plan!r}: release {release.counter} has {', '.join(known)}; name one of them")
        sample = read_sample(file, release.input_shape, release.scale)
        answered = client.infer(sample, Tier(TIERS[tier]), plan, timeout)
    answer = answered.answer
    result: dict[str, Any] = {
        "class": answer.y,
        "confidence": answer.confidence,
        "answered at": answer.zone.name.lower(),
        "exit": answer.exit + 1,
        "release": answer.version,
        "took ms": 1e3 * answered.took_s,
        "degraded": answer.degraded,
    }
    if output is Output.JSON:
        show_json(result)
    else:
        show_table(["", "value"], result.items())


def read_sample(file: Path, shape: tuple[int, ...], scale: float) -> NDArray[Any]:
    """A file as a sample of that shape: pictures and whole numbers as bytes where the model takes bytes."""
    import numpy as np

    if not file.is_file():
        raise NotFound(f"no file {file}: the sample is read from there; correct its path")
    try:
        if file.suffix in PICTURES:
            return _picture(file, shape, scale)
        x = (
            np.asarray(json.loads(file.read_text("utf-8")))
            if file.suffix == ".json"
            else np.load(file, allow_pickle=False)
        )
    except (ValueError, OSError, EOFError) as error:
        raise ConfigError(f"{file} cannot be read: {error}; give a picture, a .npy array or a .json list") from error
    if x.dtype.kind not in "uifb" or x.size != int(np.prod(shape)):
        given, wanted = f"{x.dtype} {list(x.shape)}", list(shape)
        raise ConfigError(f"{file} holds {given}: the model takes numbers of shape {wanted}; reshape or resize it")
    whole = scale != 1.0 and x.dtype.kind in "ui" and x.min(initial=0) >= 0 and x.max(initial=0) <= 255
    return x.reshape(shape).astype(np.uint8 if whole else np.float32)


def _picture(file: Path, shape: tuple[int, ...], scale: float) -> NDArray[np.generic]:
    """Channels first, resized to what the model takes."""
    import numpy as np

    try:
        from PIL import Image
    except ImportError:
        raise ConfigError(f"{file} is a picture: reading it takes Pillow; pip install pillow, or give a .npy") from None
    *front, height, width = shape if len(shape) > 1 else (1, 1, *shape)
    channels = int(np.prod(front or [1]))
    if channels not in (1, 3):
        raise ConfigError(f"{file} is a picture: the model takes {list(shape)}; give a .npy array of that shape")
    with Image.open(file) as opened:
        picture = np.asarray(opened.convert("L" if channels == 1 else "RGB").resize((width, height)), np.uint8)
    first = picture.reshape(height, width, channels).transpose(2, 0, 1).reshape(shape)
    return first if scale != 1.0 else (first / np.float32(255)).astype(np.float32)
