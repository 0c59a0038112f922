"""`plugins.require`: PEP 508 specifiers checked against what is installed, all at once."""

from __future__ import annotations

from collections.abc import Iterable

from importlib_metadata import PackageNotFoundError, version
from packaging.requirements import InvalidRequirement, Requirement

__all__ = ["unmet_requirements"]


def unmet_requirements(specifiers: Iterable[str]) -> list[tuple[str, str]]:
    """Which of the specifiers are not met.

    Args:
        specifiers: such as `hector-plugin-openai>=0.1`; one whose environment marker does not apply is skipped.

    Returns:
        Pairs of (specifier, what is wrong), in the order given; empty when all are met.
    """
    problems: list[tuple[str, str]] = []
    for specifier in specifiers:
        try:
            requirement = Requirement(specifier)
        except InvalidRequirement as error:
            problems.append((specifier, f"not a requirement specifier: {error}".splitlines()[0]))
            continue
        problem = _problem(requirement)
        if problem:
            problems.append((specifier, problem))
    return problems


def _problem(requirement: Requirement) -> str | None:
    if requirement.marker is not None and not requirement.marker.evaluate():
        return None
    try:
        installed = version(requirement.name)
    except PackageNotFoundError:
        return f"{requirement.name} is not installed"
    if not requirement.specifier.contains(installed, prereleases=True):
        return f"{requirement.name} {installed} is installed, {requirement.specifier} is required"
    return None
