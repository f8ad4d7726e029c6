"""Questions between cores: numbers of the link on one side, ids of the sync frames on the other."""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence

import trio

from node.mesh import frames
from node.mesh.frames import Message
from protocol.dissemination import Dissemination
from protocol.keys import IslandId
from protocol.mesh_actions import Action, Answered, Questioned
from protocol.sync import CONTENT_BYTES_MAX

WAITING_MAX = 1_024  # members' questions that the core has not answered


class Questions:
    """Both ways. What is never answered is forgotten: at its deadline, with its peer, or when too many wait."""

    def __init__(
        self, machine: Dissemination, act: Callable[[Sequence[Action]], None], say: Callable[[Message], None]
    ) -> None:
        self._machine = machine
        self._act = act
        self._say = say
        self._ours: dict[tuple[IslandId, int], int] = {}
        self._theirs: OrderedDict[int, tuple[IslandId, int]] = OrderedDict()
        self._numbers = itertools.count(1, 2)

    async def ask(self, message: frames.Ask) -> None:
        """Our core asks; returns when it is answered or too late."""
        island = IslandId(message.island)
        if island not in self._machine.sessions or len(message.question) > CONTENT_BYTES_MAX:
            self._say(frames.Unanswered(message.number, "the member is not here, or the question too long"))
            return
        number, actions = self._machine.ask(island, message.question)
        self._ours[island, number] = message.number
        self._act(actions)
        await trio.sleep(message.deadline_ms / 1_000)
        if self._ours.pop((island, number), None) is not None:
            self._say(frames.Unanswered(message.number, f"no answer in {message.deadline_ms} ms"))

    def on_action(self, action: Questioned | Answered) -> None:
        if isinstance(action, Answered):
            number = self._ours.pop((action.peer, action.id), None)
            if number is not None:
                self._say(frames.Answered(number, action.content))
            return
        number = next(self._numbers)
        self._theirs[number] = (action.peer, action.id)
        while len(self._theirs) > WAITING_MAX:
            self._theirs.popitem(last=False)
        self._say(frames.Asked(number, action.peer, action.content))

    def reply(self, number: int, answer: bytes) -> None:
        """Our core answers a member; an empty answer, or one too long, is none."""
        asker = self._theirs.pop(number, None)
        if asker is not None and 0 < len(answer) <= CONTENT_BYTES_MAX:
            self._act(self._machine.answer(*asker, answer))

    def lost(self, island: IslandId) -> None:
        """The member is gone: what waits for it gets no answer."""
        for key in [key for key in self._ours if key[0] == island]:
            self._say(frames.Unanswered(self._ours.pop(key), "the member is gone"))
        for number in [number for number, (peer, _) in self._theirs.items() if peer == island]:
            del self._theirs[number]
