"""The collections of an embedded store, opened on first use. All of it blocks: for threads."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from threading import Lock

import attrs
import qdrant_edge as edge

from hector.errors import UsageError, VectorStoreError
from hector_plugin_qdrant.folder import Folder, damaged
from hector_plugin_qdrant.payload import TAGS

__all__ = ["Collection", "Shards", "translated"]


@attrs.frozen
class Collection:
    """An open collection.

    Attributes:
        name: as the user says it.
        shard: the engine's side; safe to use from many threads.
        dimension: length of every vector.
        indexed: paths of the payload that have an index; grows.
    """

    name: str
    shard: edge.EdgeShard
    dimension: int
    indexed: set[str]

    def index(self, paths: Sequence[str]) -> None:
        """Make an index over the integers at each of `paths`."""
        for path in paths:
            schema = edge.PayloadSchemaType.Integer
            self.shard.update(edge.UpdateOperation.create_field_index(path, schema))
            self.indexed.add(path)


@contextmanager
def translated(collection: str) -> Generator[None]:
    """Turn what the engine and the file system raise inside into `VectorStoreError`."""
    try:
        yield
    except BaseException as error:
        if not (_is_from_engine(error) or isinstance(error, OSError)):
            raise
        raise VectorStoreError(f"collection `{collection}`: {error}") from error


class Shards:
    """The open collections of one folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._open: dict[str, Collection] = {}
        self._lock = Lock()

    def names(self) -> Sequence[str]:
        """Names of the collections, sorted."""
        return self._folder.names()

    def collection(self, name: str) -> Collection:
        """Open a collection, unless it is open. Raises `VectorStoreError`."""
        with self._lock:
            if name not in self._open:
                self._open[name] = self._load(name)
            return self._open[name]

    def create(self, name: str, dimension: int) -> None:
        """Make a collection, unless it exists with that dimension. Raises `VectorStoreError`."""
        if dimension <= 0:
            raise UsageError(f"dimension must be > 0, not {dimension}")
        with self._lock, translated(name):
            existing = self._folder.dimension(name)
            if existing is None:
                with self._folder.adding(name, dimension) as place:
                    shard = edge.EdgeShard.create(str(place), _config(dimension))
                    index = edge.UpdateOperation.create_field_index(
                        TAGS, edge.PayloadSchemaType.Keyword
                    )
                    shard.update(index)
                    shard.flush()
                    shard.close()
            elif existing != dimension:
                raise VectorStoreError(
                    f"collection `{name}` has dimension {existing}, not {dimension}",
                    hint="use another collection, or drop this one and index again",
                )

    def drop(self, name: str) -> None:
        """Remove a collection, if it exists."""
        with self._lock, translated(name):
            opened = self._open.pop(name, None)
            if opened is not None:
                opened.shard.close()
            self._folder.remove(name)

    def close(self) -> None:
        """Write what is not yet on disk, and let go of every collection."""
        with self._lock:
            while self._open:
                self._open.popitem()[1].shard.close()

    def _load(self, name: str) -> Collection:
        dimension = self._folder.dimension(name)
        if dimension is None:
            raise VectorStoreError(f"there is no collection `{name}`")
        place = self._folder.shard(name)
        try:
            shard = edge.EdgeShard.load(str(place))
        except BaseException as error:
            if not _is_from_engine(error):
                raise
            raise damaged(name, place, error) from error
        return Collection(name, shard, dimension, set(shard.info().payload_schema))


def _config(dimension: int) -> edge.EdgeConfig:
    # No HNSW index (threshold 0): a scan takes 1 ms for 20,000 vectors of 384, and misses nothing.
    return edge.EdgeConfig(
        vectors=edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Cosine),
        optimizers=edge.EdgeOptimizersConfig(indexing_threshold=0),
    )


def _is_from_engine(error: BaseException) -> bool:
    """Whether the engine raised it: plain `Exception`s are its errors, and a panic is no Exception.

    Mistakes of this plugin's own have a class of their own, and stay what they are.
    """
    return type(error) is Exception or type(error).__name__ == "PanicException"
