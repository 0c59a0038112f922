"""The embedder that asks another one only for what it has not kept."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import sys
from array import array
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from hector.errors import ComponentOpenError, EmbedderError
from hector.spi import BuildContext, Embedder, EmbedPurpose, IdentifiedEmbedder, Vector
from hector_std.embedder_cache.provider import CachedSettings
from hector_std.embedder_cache.store import VectorFile

__all__ = ["CachedEmbedder", "create_cached"]

logger = logging.getLogger(__name__)

_MEGABYTE = 2**20


@asynccontextmanager
async def create_cached(
    settings: CachedSettings, context: BuildContext
) -> AsyncGenerator[CachedEmbedder]:
    """Open the file; what `embedders.<name>` with `provider: cached` becomes.

    Raises:
        ComponentOpenError: the file cannot be used, or the other embedder does not say what decides its vectors.
    """
    inner = context.embedder(settings.embedder)
    if not isinstance(inner, IdentifiedEmbedder):
        raise ComponentOpenError(
            context.path,
            f"cannot keep the vectors of `{settings.embedder}`: it does not say what decides them",
            hint="its plugin must implement hector.spi.IdentifiedEmbedder",
        )
    path = settings.path or context.state_dir / "embeddings.db"
    file = VectorFile(path, maximum_bytes=settings.max_megabytes * _MEGABYTE)
    try:
        await file.open()
    except (sqlite3.Error, OSError) as error:
        raise ComponentOpenError(
            context.path,
            f"cannot use {path} for vectors: {error}",
            hint="name another `path`, or delete the file: what is in it can be made again",
        ) from error
    try:
        yield CachedEmbedder(inner, inner, file)
    finally:
        await file.close()


class CachedEmbedder:
    """Gives kept vectors, and asks another embedder for the rest. It owns neither that nor the file.

    Components are 32-bit floats, for new vectors as for kept ones, so that a text has the same vector each time. A
    file that fails while it is used costs time, and nothing else: it is told to the log, and the other embedder is
    asked.
    """

    def __init__(self, inner: Embedder, identified: IdentifiedEmbedder, file: VectorFile) -> None:
        self._inner = inner
        self._identified = identified
        self._file = file

    @property
    def model(self) -> str:
        """That of the other embedder."""
        return self._inner.model

    @property
    def dimension(self) -> int:
        """That of the other embedder."""
        return self._inner.dimension

    def identity(self, purpose: EmbedPurpose) -> str:
        """That of the other embedder, as the vectors are."""
        return self._identified.identity(purpose)

    async def embed(
        self, texts: Sequence[str], *, purpose: EmbedPurpose = "document"
    ) -> Sequence[Vector]:
        """See `hector.spi.Embedder`; a text that stands twice in `texts` is asked for once."""
        if not texts:
            return []
        identity = self._identified.identity(purpose)
        keys = [_key(identity, text) for text in texts]
        known = await self._kept(set(keys))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            vectors = await self._inner.embed(list(missing.values()), purpose=purpose)
            if len(vectors) != len(missing):
                raise EmbedderError(
                    f"{self.model} gave {len(vectors)} vectors for {len(missing)} texts",
                    model=self.model,
                    is_retryable=False,
                )
            new = {key: array("f", vector) for key, vector in zip(missing, vectors, strict=True)}
            await self._keep(new)
            known |= new
        return [known[key] for key in keys]

    async def _kept(self, keys: set[bytes]) -> dict[bytes, array[float]]:
        try:
            found = await self._file.get(keys)
        except sqlite3.Error as error:
            logger.warning("kept vectors cannot be read: %s", error)
            return {}
        length = self.dimension * 4
        return {key: _unpacked(packed) for key, packed in found.items() if len(packed) == length}

    async def _keep(self, vectors: dict[bytes, array[float]]) -> None:
        try:
            await self._file.put({key: _packed(vector) for key, vector in vectors.items()})
        except sqlite3.Error as error:
            logger.warning("vectors cannot be kept: %s", error)


def _key(identity: str, text: str) -> bytes:
    """32 bytes of BLAKE2b over both; the length keeps them apart."""
    name = identity.encode()
    digest = hashlib.blake2b(len(name).to_bytes(8, "big"), digest_size=32)
    digest.update(name)
    digest.update(text.encode(errors="surrogatepass"))
    return digest.digest()


def _packed(vector: array[float]) -> bytes:
    return _little_endian(vector).tobytes()


def _unpacked(packed: bytes) -> array[float]:
    vector = array("f")
    vector.frombytes(packed)
    return _little_endian(vector)


def _little_endian(vector: array[float]) -> array[float]:
    """The file may be copied to another machine."""
    if sys.byteorder == "big":
        vector = vector[:]
        vector.byteswap()
    return vector
