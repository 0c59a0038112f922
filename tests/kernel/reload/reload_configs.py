"""Configs of the ledger's components, and what they are to a model of reload."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
from hypothesis import strategies as st

__all__ = [
    "BUILD_TIMEOUT_S",
    "DRAIN_TIMEOUT_S",
    "MAX_DRAINING",
    "RELOAD_TIMEOUT_S",
    "Wanted",
    "wanted",
]

BUILD_TIMEOUT_S = 10.5
DRAIN_TIMEOUT_S = 20.5
RELOAD_TIMEOUT_S = 61.5
MAX_DRAINING = 2

OPTIONAL: tuple[str, ...] = (
    "llms.other",
    "tools.say",
    "document_stores.docs",
    "agents.sub",
    "agents.helper",
)
ALWAYS: tuple[str, ...] = (
    "llms.default",
    "embedders.default",
    "vector_stores.default",
    "agents.root",
)

Fails = Literal["no", "config", "create", "open", "hang", "close"]


@attrs.frozen
class Wanted:
    """A config.

    Attributes:
        answers: by path of each component it has, what tells it from others.
        victim: the component that fails.
        fails: how it fails; `config`: the config itself is wrong.
    """

    answers: Mapping[str, str]
    victim: str = ""
    fails: Fails = "no"

    @property
    def is_good(self) -> bool:
        """Whether it can run."""
        return self.fails in {"no", "close"}

    def uses(self, path: str) -> tuple[str, ...]:
        """What the component at `path` holds."""
        if path == "document_stores.docs":
            return ("embedders.default", "vector_stores.default")
        if path == "agents.root":
            held = (
                "llms.default",
                "tools.say",
                "document_stores.docs",
                "agents.sub",
                "agents.helper",
            )
        elif path == "agents.sub":
            held = ("llms.other" if "llms.other" in self.answers else "llms.default",)
        elif path == "agents.helper":
            held = ("llms.default", "tools.say")
        else:
            return ()
        return tuple(use for use in held if use in self.answers)

    def mark(self, path: str) -> tuple[object, ...]:
        """Equal for two configs if and only if the component is the same in both."""
        own = (self.answers[path], self.fails if path == self.victim else "no")
        return (*own, *((use, self.mark(use)) for use in self.uses(path)))

    def config(self) -> dict[str, Any]:
        """As `Runtime.open` takes it."""
        made: dict[str, Any] = {
            "server": {
                "build_timeout": BUILD_TIMEOUT_S,
                "reload": {
                    "drain_timeout": DRAIN_TIMEOUT_S,
                    "timeout": RELOAD_TIMEOUT_S,
                    "max_draining": MAX_DRAINING,
                },
            }
        }
        for path in self.answers:
            section, _, name = path.partition(".")
            made.setdefault(section, {})[name] = self._entry(path)
        if self.fails == "config":
            made["nonsense"] = True
        return made

    def _entry(self, path: str) -> dict[str, Any]:
        fails = self.fails if path == self.victim and self.fails != "config" else "no"
        own: dict[str, Any] = {"answer": self.answers[path], "fails": fails}
        section = path.partition(".")[0]
        if section == "document_stores":
            return {"source": {"type": "ledger", **own}}
        selector = "provider" if section in {"llms", "embedders"} else "type"
        if section != "agents":
            return {selector: "ledger", **own}
        held: dict[str, list[str]] = {}
        for use in self.uses(path):
            kind, _, name = use.partition(".")
            if kind == "agents":
                kind = "sub_agents" if name == "sub" else "agent_tools"
            held.setdefault(kind, []).append(name)
        [llm] = held.pop("llms")
        return {"type": "ledger", **own, "llm": llm, **held}


@st.composite
def wanted(draw: st.DrawFn, fails: st.SearchStrategy[Fails]) -> Wanted:
    """Configs that have much in common; shrink to few components and to `a`."""
    chosen = draw(st.lists(st.sampled_from(OPTIONAL), unique=True, max_size=len(OPTIONAL)))
    paths = sorted((*ALWAYS, *chosen))
    answers = dict.fromkeys(paths, "a")
    for path in draw(st.lists(st.sampled_from(paths), max_size=2)):
        answers[path] = draw(st.sampled_from("bc"))
    return Wanted(answers, draw(st.sampled_from(paths)), draw(fails))
