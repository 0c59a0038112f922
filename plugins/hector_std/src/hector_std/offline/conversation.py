"""What the conversation asks: the question, what it follows on, and what tools have said since."""

from __future__ import annotations

import re

import attrs

from hector.message import Message, ToolCall, ToolResult
from hector.spi.stop_words import STOP_WORDS
from hector_std.offline.dictated import Dictated, read_dictated
from hector_std.offline.words import content_words

__all__ = ["Turn", "read_turn"]

_FOLLOW_UP = re.compile(
    r"^(?:and|or|but|what about|how about|und|oder|was ist mit)\b"
    r"|\b(?:it|its|they|them|their|that one|those|these|there|this)\b(?!\s+\w+\s+(?:is|are)\b)",
    re.IGNORECASE,
)
_POLITE = re.compile(
    r"^(?:(?:please|hi|hello|hey|hallo|ok|okay|so|now|thanks|bitte)\b[\s,.!:]*)+", re.IGNORECASE
)
_FEW_WORDS = 3
_SMALL_TALK = {
    "greeting": r"(?:hi|hello|hey|hallo|moin|servus|good (?:morning|afternoon|evening|day)|guten (?:tag|morgen|abend))"
    r"(?: there| all| everyone| hector| zusammen)?",
    "thanks": r"(?:thanks|thank you|thx|cheers|danke|vielen dank)(?: a lot| very much| so much| schön)?",
    "farewell": r"(?:bye|goodbye|see you|tschüss|auf wiedersehen)",
    "identity": r"(?:who are you|what are you|what can you do|what do you do|how can you help(?: me)?|help"
    r"|wer bist du|was kannst du)",
    "mood": r"(?:how are you(?: doing)?|how do you do|what's up|wie geht(?:'s| es dir))",
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Turn:
    """The state of the conversation, as far as an answer needs it.

    Attributes:
        dictated: the calls that the last user message consists of; empty for any other message.
        question: text of the last user message, without greeting; of dictated calls, what they search for.
        topic: the content words that the answer should be about; for a follow-up those of the
            question before, too.
        small_talk: which kind of small talk the message is, or None for a question.
        results: what tools answered since, oldest first.
        calls: the calls of those results by id.
    """

    dictated: tuple[Dictated, ...]
    question: str
    topic: tuple[str, ...]
    small_talk: str | None
    results: tuple[ToolResult, ...]
    calls: dict[str, ToolCall]


def read_turn(messages: tuple[Message, ...]) -> Turn:
    """Read the last user message and what came after it."""
    positions = [index for index, message in enumerate(messages) if message.role == "user"]
    last = positions[-1] if positions else -1
    said = messages[last].text.strip() if positions else ""
    since = [part for message in messages[last + 1 :] for part in message.parts]
    dictated = tuple(read_dictated(said))
    queries = [it.arguments.get("query") for it in dictated]
    asked = " ".join(query for query in queries if isinstance(query, str)) or said
    question = _POLITE.sub("", asked) or asked
    return Turn(
        dictated=dictated,
        question=question,
        topic=_topic(question, [messages[index].text for index in positions[:-1]]),
        small_talk=_small_talk(said),
        results=tuple(part for part in since if isinstance(part, ToolResult)),
        calls={part.id: part for part in since if isinstance(part, ToolCall)},
    )


def _small_talk(said: str) -> str | None:
    plain = re.sub(r"[\s!.?,;:)(]+", " ", said.casefold()).strip()
    for kind, pattern in _SMALL_TALK.items():
        if re.fullmatch(pattern, plain):
            return kind
    greeted = re.fullmatch(rf"{_SMALL_TALK['greeting']} (.+)", plain)
    return _small_talk(greeted[1]) if greeted else None


def _topic(question: str, earlier: list[str]) -> tuple[str, ...]:
    """Content words of the question; a short or referring one leans on the question before it."""
    words = _informative(question)
    is_short = len(words) <= _FEW_WORDS
    if earlier and is_short and _FOLLOW_UP.search(question):
        before = [word for word in _informative(_POLITE.sub("", earlier[-1])) if word not in words]
        words = [*words, *before]
    return tuple(dict.fromkeys(words))


def _informative(text: str) -> list[str]:
    words = content_words(text)
    return [] if all(word in STOP_WORDS for word in words) else words
