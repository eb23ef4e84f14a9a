"""Reads the data sets' files: bundled digits, MNIST's four IDX files, and a subset of CIFAR-10 as JPEGs in a tar.

Files are compared with the published checksums before anything in them is believed.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import Corrupt, NotFound

Images = tuple[NDArray[np.uint8], NDArray[np.int64]]

MNIST = {  # file -> SHA-256
    "train-images-idx3-ubyte.xz": "8f41e9b4abc124dc3d209e86f7ea714a81f80edea40b565a4781dec7bd67c6e2",
    "train-labels-idx1-ubyte.xz": "dcd3d8184fe1a8be6231f172fb3390116f91c127282fd736ab55752c179963d8",
    "t10k-images-idx3-ubyte.xz": "d815adbb3188b5bafed15d649960a5dbcb0f9138b9a4205b88b175001cb394c9",
    "t10k-labels-idx1-ubyte.xz": "f2edae9ce0307abae4671a37b70e6e3858696b48b16c3cfdfef97388dc9925d5",
}
CIFAR10 = ("cifar10-jpeg-20k.tar.xz", "fd4633ae6c4a6a1b21f6763010324ca14d0c0c108528a12ea1feb3a431e90fc2")
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
MOST_BYTES = 1 << 28  # decompressed; more than any of these files holds


def read_digits() -> Images:
    """1,797 handwritten digits of 8 x 8, bundled with scikit-learn. Source: Alpaydin & Kaynak 1998, UCI repository."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise NotFound("the digits come with scikit-learn, which is not here; install ganglion[train]") from error
    bundle = load_digits()
    return np.rint(bundle.images * (255 / 16)).astype(np.uint8)[:, None], bundle.target.astype(np.int64)


def read_mnist(folder: Path) -> Images:
    """70,000 handwritten digits of 28 x 28, training images first. Source: LeCun et al. 1998."""
    parts = {name: _unpack(_checked(folder, "mnist", name, digest)) for name, digest in MNIST.items()}
    x = np.concatenate([_idx(parts[name], 3) for name in MNIST if "images" in name])
    y = np.concatenate([_idx(parts[name], 1) for name in MNIST if "labels" in name])
    return x[:, None], y.astype(np.int64)


def read_cifar10(folder: Path) -> Images:
    """20,000 photographs of 32 x 32 after lossy JPEG coding; not quite CIFAR-10. Source: Krizhevsky 2009."""
    try:
        from PIL import Image
    except ImportError as error:
        raise NotFound("reading JPEGs takes Pillow, which is not here; install ganglion[train]") from error
    plain = _unpack(_checked(folder, "cifar10-jpeg", *CIFAR10))
    pictures, labels = [], []
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        for member in sorted((m for m in tar.getmembers() if m.name.endswith(".jpg")), key=lambda m: m.name):
            held = tar.extractfile(member)
            if held is None:
                raise Corrupt(f"{member.name} in {CIFAR10[0]} is no file; fetch the archive again")
            with Image.open(io.BytesIO(held.read())) as picture:
                pictures.append(np.asarray(picture.convert("RGB"), np.uint8).transpose(2, 0, 1))
            labels.append(CIFAR10_CLASSES.index(Path(member.name).parent.name))
    return np.stack(pictures), np.array(labels, np.int64)


def _checked(folder: Path, name: str, file: str, digest: str) -> bytes:
    """A file's bytes, from the folder itself or its sub-folder of that name."""
    path = next((path for path in (folder / file, folder / name / file) if path.is_file()), None)
    if path is None:
        raise NotFound(f"data not there: no {file} in {folder} or {folder / name}; put it there or correct --data-dir")
    raw = path.read_bytes()
    found = hashlib.sha256(raw).hexdigest()
    if found != digest:
        raise Corrupt(f"{path} has SHA-256 {found[:16]}…, the published file has {digest[:16]}…; fetch it again")
    return raw


def _unpack(raw: bytes) -> bytes:
    try:
        plain = lzma.LZMADecompressor().decompress(raw, MOST_BYTES)
    except lzma.LZMAError as error:
        raise Corrupt(f"{len(raw)} bytes are no .xz file: {error}; fetch it again") from error
    return plain


def _idx(raw: bytes, axes: int) -> NDArray[np.uint8]:
    """An IDX array of unsigned bytes: two zeros, type 8, number of axes, big-endian sizes, data."""
    if raw[:4] != bytes([0, 0, 8, axes]):
        raise Corrupt(f"an IDX file begins with {raw[:4].hex()}, not with 000008{axes:02x}; fetch it again")
    shape = tuple(int(size) for size in np.frombuffer(raw, ">u4", axes, 4))
    data = np.frombuffer(raw, np.uint8, offset=4 + 4 * axes)
    if data.size != np.prod(shape, dtype=np.int64):
        raise Corrupt(f"an IDX file of shape {shape} holds {data.size} values; fetch it again")
    return data.reshape(shape)
