"""References between components: what each entry needs, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from hector.config.component import ReferenceUse
from hector.config.entries import ReadEntry, component_kind
from hector.config.node import Node, key_problem, value_problem
from hector.config.providers import KIND_WORDS
from hector.config.shape import UsedReference
from hector.config.suggest import did_you_mean
from hector.errors import Diagnostic

__all__ = ["References"]

_KEYS = {
    "llm": "llms",
    "embedder": "embedders",
    "vector_store": "vector_stores",
    "toolset": "tools",
    "agent": "agents",
    "document_store": "document_stores",
    "session_backend": "databases",
}


@attrs.frozen
class References:
    """Resolves references against everything the config names.

    Attributes:
        read: kind to name to entry; invalid and disabled ones too, which exist all the same.
        problems: where H108 and H109 go.
    """

    read: Mapping[str, Mapping[str, ReadEntry]]
    problems: list[Diagnostic]

    def resolve(
        self, used: UsedReference, *, owner: tuple[str, str] | None = None
    ) -> tuple[ReferenceUse, ...]:
        """The components that a reference means; a dangling one is reported and means none.

        Args:
            used: the reference.
            owner: kind and name of the component that has it; "all" leaves the component itself
                out.
        """
        kind = component_kind(used.reference.kind)
        entries = self.read.get(kind, {})
        if used.name is None:
            return tuple(
                ReferenceUse(kind=kind, name=name, path=used.path)
                for name, entry in entries.items()
                if entry.is_enabled and (kind, name) != owner
            )
        name = used.name.partition(".")[0] if used.reference.allows_member else used.name
        entry = entries.get(name)
        if entry is None or not entry.is_enabled:
            self.problems.append(_dangling(used, kind, name, entry, entries))
            return ()
        return (ReferenceUse(kind=kind, name=name, path=used.path),)

    def report_cycles(
        self,
        uses: Mapping[tuple[str, str], Sequence[ReferenceUse]],
        changed: Iterable[tuple[str, str]],
    ) -> None:
        """Report every reference that closes a loop (H109), each loop once.

        Args:
            uses: kind and name of each component to what it needs.
            changed: where to begin: every loop goes through one of these. All of `uses` in its order, unless it is
                known that there was no loop without them.
        """
        done: set[tuple[str, str]] = set()
        for start in changed:
            if start not in done:
                self._search(start, uses, done)

    def _search(
        self,
        start: tuple[str, str],
        uses: Mapping[tuple[str, str], Sequence[ReferenceUse]],
        done: set[tuple[str, str]],
    ) -> None:
        """Depth first, without recursion: a chain may have thousands of agents."""
        trail: dict[tuple[str, str], Iterator[ReferenceUse]] = {start: iter(uses.get(start, ()))}
        while trail:
            current = next(reversed(trail))
            use = next(trail[current], None)
            if use is None:
                done.add(current)
                del trail[current]
                continue
            target = (use.kind, use.name)
            if target in trail:
                self._report_cycle(list(trail), target, use)
            elif target not in done:
                trail[target] = iter(uses.get(target, ()))

    def _report_cycle(
        self, trail: list[tuple[str, str]], target: tuple[str, str], use: ReferenceUse
    ) -> None:
        loop = [*trail[trail.index(target) :], target]
        shown = " → ".join(f"{_KEYS[kind]}.{name}" for kind, name in loop)
        kind, name = trail[-1]
        node = self._node_at(self.read[kind][name], use.path)
        problem = value_problem(
            node, "H109", use.path, f"circular reference: {shown}", hint="remove one of them"
        )
        self.problems.append(problem)

    @staticmethod
    def _node_at(owner: ReadEntry, path: str) -> Node:
        written = (used.node for used in owner.used if used.path == path)
        return next(written, owner.node)


def _dangling(
    used: UsedReference,
    kind: str,
    name: str,
    entry: ReadEntry | None,
    entries: Mapping[str, ReadEntry],
) -> Diagnostic:
    word = KIND_WORDS[kind]
    names = [other for other, item in entries.items() if item.is_enabled]
    none = f"add it under `{_KEYS[kind]}`"
    if used.is_omitted:
        key = used.path.rpartition(".")[2]
        listed = f" ({did_you_mean('', names)})" if names else f", and add it under `{_KEYS[kind]}`"
        also = ", or `defaults.llm`" if kind == "llm" else ""
        message = f"no {word} is named here, and there is no `{name}`"
        return key_problem(used.node, "H108", used.path, message, hint=f"set `{key}`{also}{listed}")
    if entry is not None:
        message = f"the {word} `{name}` is disabled"
        hint = f"set `{_KEYS[kind]}.{name}.enabled` to true, or remove the reference"
        return value_problem(used.node, "H108", used.path, message, hint=hint)
    raw = used.node.raw
    named = f"`{name}`" if raw is None else f"called what `{raw}` holds"
    suggestion = did_you_mean(name if raw is None else "", names, none=none)
    return value_problem(
        used.node, "H108", used.path, f"there is no {word} {named}", hint=suggestion
    )
