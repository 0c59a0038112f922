"""An artifact while it grows."""

from __future__ import annotations

from typing import cast

from hector.message import JSONObject, JSONValue

__all__ = ["Artifact"]


class Artifact:
    """What one agent says in a task: parts in order, streamed text as one part per message.

    Attributes:
        id: unique within the task.
        name: for people.
        size: of the parts, roughly in bytes.
        open_id: id of the message that is being streamed, or was last.
        is_torn: whether a reader may have pieces of a message that never came whole: it is told everything anew.
    """

    def __init__(self, artifact_id: str, name: str) -> None:
        self.id = artifact_id
        self.name = name
        self.size = 0
        self.open_id = ""
        self.is_torn = False
        self._parts: list[JSONObject] = []
        self._pieces: list[str] = []  # of the text that is still growing
        self._metadata: JSONObject = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said yet."""
        return not self._parts and not self._pieces

    @property
    def has_open_text(self) -> bool:
        """Whether a message is being streamed."""
        return bool(self._pieces)

    @property
    def open_text(self) -> str:
        """The text of the message that is being streamed; empty when none is."""
        return "".join(self._pieces)

    @property
    def author(self) -> JSONValue:
        """Who says the message that is being streamed."""
        return self._metadata.get("hector:author", "")

    def add_text(self, text: str, metadata: JSONObject) -> JSONObject:
        """Add a piece of the message being streamed; returns the part that says so."""
        is_first = not self._pieces
        self._pieces.append(text)
        self.size += len(text)
        if not is_first:
            return {"text": text}
        self._metadata = metadata
        return {"text": text, "metadata": metadata}

    def end_text(self) -> None:
        """End the message being streamed: the next text begins a new part."""
        if self._pieces:
            self._parts.append({"text": self.open_text, "metadata": self._metadata})
            self._pieces.clear()

    def drop_text(self) -> None:
        """Forget the message being streamed: it turned out otherwise."""
        self.size -= len(self.open_text)
        self._pieces.clear()

    def add_part(self, part: JSONObject, metadata: JSONObject) -> JSONObject:
        """Add a whole part; returns it as it stands in the artifact."""
        self.end_text()
        whole: JSONObject = {**part, "metadata": metadata}
        self._parts.append(whole)
        self.size += sum(len(value) for value in part.values() if isinstance(value, str))
        return whole

    def opened(self) -> Artifact:
        """Another one with only the message that is being streamed."""
        artifact = Artifact(self.id, self.name)
        artifact.open_id = self.open_id
        artifact.add_text(self.open_text, self._metadata)
        return artifact

    def parts(self) -> list[JSONValue]:
        """All parts so far."""
        parts = cast("list[JSONValue]", list(self._parts))
        if self._pieces:
            parts.append({"text": self.open_text, "metadata": self._metadata})
        return parts

    def to_json(self, parts: list[JSONValue] | None = None) -> JSONObject:
        """The A2A artifact, with all its parts or only `parts`."""
        return {
            "artifactId": self.id,
            "name": self.name,
            "parts": self.parts() if parts is None else parts,
        }
