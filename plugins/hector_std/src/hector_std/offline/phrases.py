"""What the offline model says in its own words."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["REAL_MODEL", "no_tools", "nothing_found", "small_talk"]

REAL_MODEL = """\
To have questions answered by a real model, set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or CO_API_KEY \
and install the plugin of that vendor, such as hector-plugin-openai, or start Ollama, and let the config choose:

```yaml
llms:
  default:
    provider: auto
```"""

_WHO = (
    "I am the offline model that comes with Hector: I quote what my tools find, word for word and with sources, and"
    " cannot write or reason freely."
)
_SMALL_TALK = {
    "greeting": "Hello!",
    "thanks": "You are welcome.",
    "farewell": "Goodbye!",
    "mood": "I am running, thank you.",
    "identity": "",
}
_LONGEST_QUESTION = 120


def small_talk(kind: str, *, has_search: bool) -> str:
    """Answer a greeting and the like in a plain sentence or two."""
    offer = (
        "Ask me something about the documents of this agent."
        if has_search
        else "This agent has no documents to search, so I can do little by myself."
    )
    if kind in {"thanks", "farewell"}:
        return _SMALL_TALK[kind]
    if kind == "identity":
        return f"{_WHO} {offer}\n\n{REAL_MODEL}"
    return f"{_SMALL_TALK[kind]} {offer}"


def no_tools(question: str, *, has_tools: bool) -> str:
    """Say that there is nothing to answer from."""
    if not question:
        return f"There was no text in the message. {_WHO}"
    reason = (
        "None of the tools I was offered fits this question."
        if has_tools
        else "This agent has no document store and no tool that I could ask."
    )
    return f"I cannot answer this. {reason} {_WHO}\n\n{REAL_MODEL}"


def nothing_found(question: str, documents: Sequence[str]) -> str:
    """Say that a search did not help, and where it looked."""
    short = (
        question
        if len(question) <= _LONGEST_QUESTION
        else question[:_LONGEST_QUESTION].rsplit(" ", 1)[0] + " …"
    )
    looked = list(dict.fromkeys(documents))[:3]
    where = f" The nearest passages, in {', '.join(looked)}, do not speak of it." if looked else ""
    return (
        f"I searched for “{short}” and found nothing that answers it.{where} {_WHO}\n\n{REAL_MODEL}"
    )
