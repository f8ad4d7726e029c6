"""Finds the generators and turns what they give into files."""

import importlib
import json
import pkgutil
from pathlib import Path

import tests.vectors

FOLDER = Path(__file__).parents[2] / "specs" / "vectors"


def generators() -> list[str]:
    """The names of all generators that have `vectors()`."""
    names = [module.name for module in pkgutil.iter_modules(tests.vectors.__path__)]
    found = [name.removeprefix("generate_") for name in sorted(names) if name.startswith("generate_")]
    return [name for name in found if hasattr(_module(name), "vectors")]


def content(name: str) -> bytes:
    """The bytes of NAME.json."""
    return (json.dumps(_module(name).vectors(), indent=1, ensure_ascii=False) + "\n").encode()


def path(name: str) -> Path:
    return FOLDER / f"{name}.json"


def _module(name):
    return importlib.import_module(f"tests.vectors.generate_{name}")
