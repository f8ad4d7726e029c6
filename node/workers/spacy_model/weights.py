"""The files of the model's package, checked as they are read. What is not as expected raises DetectorError."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from protocol.errors import DetectorError

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Node:
    """One layer of a thinc model that has parameters."""

    params: Mapping[str, Floats]
    attrs: Mapping[str, Any]

    def param(self, name: str, *shape: int) -> Floats:
        value = self.params.get(name)
        if value is None or value.shape != shape:
            raise DetectorError(f"the spaCy model's parameter {name} is not of the shape {shape}")
        return value


@dataclass(frozen=True, slots=True)
class Weights:
    """The layers of one pipe, in the order in which thinc walks them."""

    nodes: Mapping[str, Sequence[Node]]  # by the name of their kind

    def of(self, kind: str, count: int) -> Sequence[Node]:
        found = self.nodes.get(kind, ())
        if len(found) != count:
            raise DetectorError(f"the spaCy model has {len(found)} layers of the kind {kind}, not {count}")
        return found


def read_weights(file: Path) -> Weights:
    model = read_msgpack(file)
    try:
        nodes: dict[str, list[Node]] = {}
        for node, params, attrs in zip(model["nodes"], model["params"], model["attrs"], strict=True):
            arrays = {name: _array(value) for name, value in params.items() if isinstance(value, dict)}
            plain = {name: msgpack.unpackb(value) for name, value in attrs.items() if isinstance(value, bytes)}
            nodes.setdefault(str(node["name"]), []).append(Node(arrays, plain))
    except (KeyError, TypeError, ValueError, AttributeError, msgpack.UnpackException) as error:
        raise DetectorError(f"{file} is no thinc model: {type(error).__name__}") from None
    return Weights(nodes)


def read_msgpack(file: Path) -> dict[str, Any]:
    try:
        value = msgpack.unpackb(file.read_bytes(), strict_map_key=False)
    except (OSError, ValueError, msgpack.UnpackException) as error:
        raise DetectorError(f"{file} cannot be read: {type(error).__name__}") from None
    if not isinstance(value, dict):
        raise DetectorError(f"{file} holds no table")
    return value


def _array(value: Mapping[bytes, Any]) -> Floats:
    if value[b"type"] != "<f4":
        raise ValueError("not of 32-bit floats")
    shape = tuple(int(size) for size in value[b"shape"])
    array = np.frombuffer(value[b"data"], dtype="<f4")
    if array.size != math.prod(shape) or not np.isfinite(array).all():
        raise ValueError("not as many numbers as it says")
    return array.reshape(shape)
