"""How a node's announcement on a local network is recognised by its own archipelago and by nobody else.

Source: specs/11-discovery-and-enrolment.md. The archipelago's id is told to members alone, so it can be the key; a new
salt for every announcement leaves no two of them alike.
"""

import hashlib
from typing import Final

from protocol.keys import IslandId, public_key

SALT_BYTES: Final = 16
HINT_BYTES: Final = 16
_DOMAIN: Final = b"islandrun/hint/1\0"


def hint(salt: bytes, archipelago: bytes, island: IslandId) -> bytes:
    """BLAKE2b, keyed with the archipelago's id, of the domain, the salt and the island's public key."""
    return hashlib.blake2b(_DOMAIN + salt + public_key(island), digest_size=HINT_BYTES, key=archipelago).digest()
