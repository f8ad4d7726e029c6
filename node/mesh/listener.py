"""The mesh of a node without an archipelago: it announces nothing, listens nowhere, and hears of pairing windows."""

import trio

from node.mesh import frames
from node.mesh.announcement import Rumour
from node.mesh.brain import window_hosts
from node.mesh.discovery import Discovery
from node.mesh.frames import MessageLink
from node.mesh.pairing import Pairing
from node.mesh.pipes import Pipes
from protocol.errors import LinkError


async def listen_for_windows(setup: frames.Setup, link: MessageLink) -> None:
    """Raises LinkError when the link ends: enrolled, the node starts another mesh."""
    pipes = Pipes(link)
    discovery = Discovery(setup.interfaces, lambda name: None)
    pairing = Pairing(link, pipes, window_hosts(setup), discovery.announce_pairing)
    async with trio.open_nursery() as nursery:

        def hear(rumour: Rumour) -> None:
            nursery.start_soon(pairing.hear, rumour)

        nursery.start_soon(discovery.run, hear)
        await link.send(frames.Ready(()))
        while True:
            match await link.receive():
                case frames.Data() | frames.End() | frames.Reset() as message:
                    pipes.on_message(message)
                case frames.Join(number) as message:
                    pipes.expect(number)
                    nursery.start_soon(pairing.join, message)
                case frames.Open(number):
                    await link.send(frames.Reset(number))
                case frames.Ask(number):
                    await link.send(frames.Unanswered(number, "not enrolled"))
                case frames.OpenWindow():
                    await link.send(frames.WindowClosed("not enrolled"))
                case frames.Setup():
                    raise LinkError("Setup: said twice")
                case _:
                    pass  # what concerns members only
