"""A child of the supervision tests: says its pid, then lives until its link ends."""

import os
import sys

from node.link import BlockingLink
from protocol.errors import LinkError

if __name__ == "__main__":
    link = BlockingLink.from_fd(int(sys.argv[1]))
    link.send("hello", pid=os.getpid())
    try:
        while True:
            link.receive()
    except LinkError:
        sys.exit(0)
