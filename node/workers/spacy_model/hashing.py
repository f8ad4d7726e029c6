"""The two hashes of the model: of strings, to numbers; of those numbers, to the rows of its tables.

Source: murmurhash's MurmurHash64A (spacy/strings.pyx) and MurmurHash3_x86_128_uint64 (thinc/backends/numpy_ops.pyx).
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.workers.spacy_model.reserved import RESERVED

Ids = NDArray[np.uint64]

_MASK = (1 << 64) - 1
_M = 0xC6A4A7935BD1E995
_SEED = 1
ROWS_OF_A_KEY = 4  # a key is spread over so many rows of a table, whose vectors are added


def string_id(string: str) -> int:
    """The number of a string: 0 for none, a small one where spaCy reserves it, a 64-bit hash for the rest."""
    reserved = RESERVED.get(string)
    return string_hash(string) if reserved is None else reserved


def string_hash(string: str) -> int:
    """MurmurHash64A of the UTF-8 bytes. A lone surrogate, which spaCy would refuse, is hashed as it stands."""
    data = string.encode("utf-8", "surrogatepass")
    size = len(data)
    whole = size & ~7
    h = _SEED ^ (size * _M & _MASK)
    for (k,) in struct.iter_unpack("<Q", data[:whole]):
        k = k * _M & _MASK
        k ^= k >> 47
        h = ((h ^ (k * _M & _MASK)) * _M) & _MASK
    if size > whole:
        h = ((h ^ int.from_bytes(data[whole:], "little")) * _M) & _MASK
    h ^= h >> 47
    h = h * _M & _MASK
    return h ^ (h >> 47)


def rows(ids: Ids, seed: int, count: int) -> NDArray[np.int64]:
    """For each number its ROWS_OF_A_KEY rows in a table of `count` rows: int64[n, 4]."""
    h1 = ids * _u64(0x87C37B91114253D5)
    h1 = (h1 << _u64(31)) | (h1 >> _u64(33))
    h1 *= _u64(0x4CF5AD432745937F)
    h1 ^= _u64(seed ^ 8)
    h2 = seed ^ 8
    h1 += _u64(h2)
    second = h1 + _u64(h2)
    h1, second = _mixed(h1), _mixed(second)
    h1 += second
    second += h1
    low = _u64(0xFFFFFFFF)
    parts = np.stack([h1 & low, h1 >> _u64(32), second & low, second >> _u64(32)], axis=1)
    result: NDArray[np.int64] = (parts % _u64(count)).astype(np.int64)
    return result


def _mixed(h: Ids) -> Ids:
    h = h ^ (h >> _u64(33))
    h *= _u64(0xFF51AFD7ED558CCD)
    h ^= h >> _u64(33)
    h *= _u64(0xC4CEB9FE1A85EC53)
    h ^= h >> _u64(33)
    return h


def _u64(value: int) -> Any:
    return np.uint64(value)
