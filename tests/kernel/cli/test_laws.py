"""`hector laws`: all of them, those of one kind, and one with its reason."""

from __future__ import annotations

import json
import subprocess
import sys

from cli_terminal import Terminal

from hector.testing import all_laws


def test_it_lists_every_law_under_its_suite(terminal: Terminal) -> None:
    done = terminal.run("laws")

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "LLMSuite (llm)" in lines
    assert "  LLM-001  A model says its `model` and its `provider`." in lines
    assert lines[-1] == f"{len(all_laws())} laws; hector laws ID says why, and what to do"


def test_one_law_is_shown_with_its_reason(terminal: Terminal) -> None:
    done = terminal.run("laws", "vec-008")

    assert done.stdout == (
        "VEC-008: A deletion without ids and without a filter is a mistake of the caller.\n"
        "  why:   Nobody shall empty a collection by leaving out an argument.\n"
        "  to do: Raise `UsageError` when both are missing.\n"
        "  of VectorStoreSuite (vector_store), since 0.1: test_delete_takes_ids_or_a_filter\n"
    )


def test_several_laws_are_shown_one_after_the_other(terminal: Terminal) -> None:
    lines = terminal.run("laws", "LLM-001", "emb-003").stdout.splitlines()

    assert [line[:7] for line in lines if not line.startswith(" ")] == ["LLM-001", "EMB-003"]


def test_those_of_a_kind_or_a_family_are_for_programs_too(terminal: Terminal) -> None:
    kind = json.loads(terminal.run("laws", "--kind", "llm", "--json").stdout)
    family = json.loads(terminal.run("laws", "LLMW", "--json").stdout)

    assert {law["suite"] for law in kind} == {"LLMSuite", "LLMWireSuite"}
    assert {law["suite"] for law in family} == {"LLMWireSuite"}
    assert [law for law in kind if law["suite"] == "LLMWireSuite"] == family
    assert family[0].keys() == {
        "id", "claim", "why", "fix", "since", "test", "suite", "kind", "severity",
    }  # fmt: skip


def test_a_law_that_there_is_not_is_a_mistake(terminal: Terminal) -> None:
    done = terminal.run("laws", "LLM-999")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: [H001] there is no law 'LLM-999'\n  hint: did you mean LLM-009?\n"
    )


def test_without_pytest_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['pytest'] = None\nfrom hector.cli import main\nmain(['laws'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr == (
        "error: [H001] the laws are tests, and need pytest\n  hint: pip install 'hector[testing]'\n"
    )
