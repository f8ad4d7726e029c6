"""Which rules have a chance on a text: told by one look at it, so that most rules are not run on most texts."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from node.privacy.detectors.base import Detector, Evidence, Text


class Screen:
    """Detectors are bits of a number. What evidence needs beside its words and strings is sorted out once for each kind
    of text: by how many digits it has, how long its longest run is, whether a part is of another script than Latin."""

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._of_bit = {1 << n: detector for n, detector in enumerate(detectors)}
        self._ways = [(bit, way) for bit, detector in self._of_bit.items() for way in detector.evidence]
        self._digits_max = max((way.digits for _, way in self._ways), default=0)
        self._run_steps = sorted({way.run for _, way in self._ways} - {0})
        self._words = frozenset().union(*(way.words for _, way in self._ways))
        self._kinds: dict[tuple[int, int, bool], _Kind] = {}

    def candidates(self, text: Text) -> Iterator[Detector]:
        """In their order."""
        kind, lower = self._kind(text), text.lower
        bits = kind.bits
        for piece, of_piece in kind.by_piece:
            if piece in lower:
                bits |= of_piece
        for piece, more, of_pieces in kind.by_pieces:
            if piece in lower and all(other in lower for other in more):
                bits |= of_pieces
        for word in text.vocabulary & self._words:
            for pieces, of_word in kind.by_word[word]:
                if not pieces or all(piece in lower for piece in pieces):
                    bits |= of_word
        while bits:
            bit = bits & -bits
            bits ^= bit
            yield self._of_bit[bit]

    def _kind(self, text: Text) -> "_Kind":
        runs = bisect_right(self._run_steps, text.longest)
        key = min(text.digit_count, self._digits_max), runs, text.other_script
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = self._sorted_out(*key)
        return kind

    def _sorted_out(self, digits: int, runs: int, other_script: bool) -> "_Kind":
        longest = self._run_steps[runs - 1] if runs else 0
        return _Kind(
            [
                (bit, way)
                for bit, way in self._ways
                if way.digits <= digits and way.run <= longest and way.other_script <= other_script
            ],
            self._words,
        )


class _Kind:
    """The evidence that texts of one kind may hold, by the strings and words that are still to be looked for."""

    def __init__(self, ways: Sequence[tuple[int, Evidence]], words: frozenset[str]) -> None:
        wordless = [(bit, way.holds) for bit, way in ways if not way.words]
        self.bits = _union(bit for bit, holds in wordless if not holds)
        by_holds = {holds: _union(bit for bit, of in wordless if of == holds) for _, holds in wordless if holds}
        self.by_piece = [(holds[0], bits) for holds, bits in by_holds.items() if len(holds) == 1]
        self.by_pieces = [(holds[0], holds[1:], bits) for holds, bits in by_holds.items() if len(holds) > 1]
        self.by_word: dict[str, list[tuple[tuple[str, ...], int]]] = {word: [] for word in words}
        for bit, way in ways:
            for word in way.words:
                self.by_word[word].append((way.holds, bit))


def _union(bits: Iterable[int]) -> int:
    every = 0
    for bit in bits:
        every |= bit
    return every
