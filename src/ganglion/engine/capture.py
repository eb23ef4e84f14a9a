"""Any model in, one kind of object out: what can be planned, cut and run, from a torch module or an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError

if TYPE_CHECKING:
    from .onnx.captured import Captured


def capture(model: Any, example: Any = None, dynamic: Mapping[str, Mapping[int, str]] | None = None) -> Captured:
    """Captures a torch.nn.Module, or an ONNX file by its path or its bytes; the latter needs no torch.

    `example` is what the model would be called with: one tensor or array, several in order, or a dict by name; a file
    may go without. `dynamic` names lengths that may vary, {input: {axis: name}}; without it that is a module's batch,
    and what a file says. Raises ConfigError for what cannot be captured, naming the line of the model's code or the
    part of the file, NotFound for a file that is not there.
    """
    if isinstance(model, (str, Path, bytes)):
        from .onnx.captured import capture_onnx

        if dynamic is not None:
            raise ConfigError("an ONNX file says itself which lengths may vary; leave out `dynamic`")
        return capture_onnx(model, example)
    if not callable(getattr(model, "forward", None)):
        what = type(model).__name__
        raise ConfigError(
            f"capture was given a {what}; it takes a torch.nn.Module, or the path or bytes of an ONNX file"
        )
    from .torch.captured import capture_torch

    if example is None:
        raise ConfigError("a torch module needs an example; give capture what you would call the module with")
    return capture_torch(model, example, dynamic)
