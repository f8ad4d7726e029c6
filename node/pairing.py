"""Enrolment from the core's side: the window that this island opens, and the window that it joins."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PairingState:
    open: bool = False

    def to_json(self) -> dict[str, Any]:
        return {"open": self.open}


class Pairing:
    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def state(self) -> PairingState:
        return PairingState()

    async def serve(self, stream: object) -> None: ...
    async def open(self, person: object, tier: object, signer: object) -> None: ...
    async def cancel(self) -> None: ...
    async def join(self, code: str, name: str) -> Any: ...
