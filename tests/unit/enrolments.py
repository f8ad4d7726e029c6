"""Both ends of an enrolment, from fixed entropy."""

import itertools

from protocol.enrolment import Joiner, Window, make_code
from protocol.keys import SealingPair, SigningKey
from tests.attested import NOW

WINDOW_HOST = SigningKey(b"w" * 32).island
JOINER_HOST = SigningKey(b"j" * 32).island
DEVICE = SigningKey(b"d" * 32)
SEALING = SealingPair(b"s" * 32).public
CODE = make_code(WINDOW_HOST, b"\x00\x11\x22\x33\x44")


def entropy(seed):
    """A stream of bytes that is the same for every run."""
    state = itertools.count(seed)
    return lambda count: bytes((next(state) * 151 + 17) % 256 for _ in range(count))


def window(code=CODE, now=NOW):
    return Window(code, WINDOW_HOST, now)


def visit(opened, host=JOINER_HOST, seed=1, now=NOW):
    return opened.visit(host, entropy(seed), now)


def joiner(code=CODE, seed=9, **changes):
    arguments = {"own_host": JOINER_HOST, "window": WINDOW_HOST, "key": DEVICE, "sealing": SEALING, "name": "laptop"}
    return Joiner(code, **{**arguments, **changes}, entropy=entropy(seed))


def details(opened, device, host=JOINER_HOST, seed=1, now=NOW):
    """The visit and what it read, as far as the details."""
    visiting = visit(opened, host, seed, now)
    return visiting, visiting.on_details(device.on_reply(visiting.on_hello(device.hello())), now)
