"""`python -m node.mesh.process FD`: the mesh process of one node. It lives as long as its link to the core.

It holds the libp2p identity and no other secret: no sealing key, no prompt, no answer in the clear ever comes here.
"""

import logging
import signal
import sys

import trio

from node.link import Link
from node.mesh import frames
from node.mesh.brain import Brain
from node.mesh.frames import TO_MESH, MessageLink
from node.mesh.listener import listen_for_windows
from protocol.errors import LinkError

log = logging.getLogger("islandrun.mesh")


async def serve(link: Link) -> None:
    """One life, from the setup to the end of the link."""
    words = MessageLink(link, TO_MESH)
    try:
        setup = await words.receive()
        if not isinstance(setup, frames.Setup):
            raise LinkError(f"{type(setup).__name__}: expected Setup")
        if setup.genesis is None:
            await listen_for_windows(setup, words)
        else:
            await Brain(setup, setup.genesis, words).run()
    except* LinkError as errors:
        log.info("mesh_ends", extra={"why": "; ".join(str(error) for error in errors.exceptions)})
    finally:
        await link.aclose()


def quiet_libraries() -> None:
    """py-libp2p and zeroconf log what peers sent, at every level, some of it on the root logger."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(logging.Filter("islandrun"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], format="%(levelname)s %(name)s %(message)s")
    for name in ("libp2p", "zeroconf", "multiaddr"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def main() -> None:
    quiet_libraries()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the core says when to end

    async def run() -> None:
        await serve(Link.from_fd(int(sys.argv[1])))

    trio.run(run)


if __name__ == "__main__":
    main()
