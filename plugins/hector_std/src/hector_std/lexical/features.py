"""The features of a text and the vector they make; loads NumPy."""

from __future__ import annotations

import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from hector.spi import Vector
from hector.spi.stop_words import STOP_WORDS

__all__ = ["Features"]

_WORD = re.compile(r"[^\W_]+")
_WEIGHT_WORD = 1.0
_WEIGHT_PAIR = 0.5
_WEIGHT_GRAMS = 1.0
"""Length of all n-grams of one word together, so that a long word weighs no more than its share."""
_WEIGHT_STOP_WORD = 0.08
_GRAM_LENGTHS = (3, 4, 5)
_LONGEST_WORD = 40
"""Characters of a word that count; longer runs are hashes and encoded data."""
_CACHED_WORDS = 8192


class Features:
    """Turns texts into vectors, keeping what it found out about words; see `Lexical`."""

    def __init__(self, dimension: int) -> None:
        """Make vectors with `dimension` components."""
        self._dimension = dimension
        self._cache: dict[str, npt.NDArray[np.float64]] = {}

    @property
    def known_words(self) -> int:
        """How many words are kept."""
        return len(self._cache)

    def vector(self, text: str) -> Vector:
        """The vector of one text."""
        folded = unicodedata.normalize("NFKC", text).casefold()
        words = [word[:_LONGEST_WORD] for word in _WORD.findall(folded)]
        if not words:
            words = [character for character in folded if not character.isspace()]
        blocks = list(self._blocks(words))
        if not blocks:
            return array("f", bytes(4 * self._dimension))
        features = np.concatenate(blocks, axis=1)
        sums = np.bincount(features[0].astype(np.intp), features[1], minlength=self._dimension)
        length = math.sqrt(float(sums @ sums))
        # Opposite signs may cancel all there is; the zero vector is then the truth about this hash.
        unit = sums / length if length else sums
        return array("f", unit.astype(np.float32).tobytes())

    def _blocks(self, words: list[str]) -> Iterator[npt.NDArray[np.float64]]:
        """Arrays of two rows, component and signed weight."""
        for word, count in Counter(words).items():
            block = self._word(word)
            if count > 1:
                block = block * np.array([[1.0], [1 + math.log(count)]])
            yield block
        pairs = Counter(
            pair
            for pair in pairwise(words)
            if pair[0] not in STOP_WORDS and pair[1] not in STOP_WORDS
        )
        if pairs:
            places = [self._place(f"p{left} {right}") for left, right in pairs]
            weights = [_WEIGHT_PAIR * (1 + math.log(count)) for count in pairs.values()]
            yield np.array(
                [
                    [component for component, _ in places],
                    [sign * weight for (_, sign), weight in zip(places, weights, strict=True)],
                ]
            )

    def _word(self, word: str) -> npt.NDArray[np.float64]:
        block = self._cache.get(word)
        if block is None:
            block = self._features(word)
            if len(self._cache) >= _CACHED_WORDS:
                self._cache.clear()
            self._cache[word] = block
        return block

    def _features(self, word: str) -> npt.NDArray[np.float64]:
        if word in STOP_WORDS:
            component, sign = self._place("w" + word)
            return np.array([[component], [sign * _WEIGHT_STOP_WORD]])
        marked = f"<{word}>"
        grams = sorted(
            {
                marked[start : start + length]
                for length in _GRAM_LENGTHS
                for start in range(len(marked) - length + 1)
            }
        )
        weight = _WEIGHT_GRAMS / math.sqrt(len(grams)) if grams else 0.0
        places = [self._place("w" + word), *(self._place("g" + gram) for gram in grams)]
        weights = [_WEIGHT_WORD, *[weight] * len(grams)]
        return np.array(
            [
                [component for component, _ in places],
                [sign * weight for (_, sign), weight in zip(places, weights, strict=True)],
            ]
        )

    def _place(self, feature: str) -> tuple[int, float]:
        """Component and sign of a feature, by a hash that is the same everywhere."""
        # Lone surrogates may come out of broken files; they must not stop the embedding.
        digest = blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        return (number >> 1) % self._dimension, 1.0 if number & 1 else -1.0
