"""Write the pages of `docs/reference` from the code; `--check` only says which are out of date.

The command page comes from the click tree, the settings page from the settings classes of the kernel and of the
first-party providers, the error page from `hector.errors` and the meanings below, and the page of laws from the suites
of `hector.testing`. Nothing is read from the network,
the clock or the environment, so that the same code always gives the same pages.
"""  # noqa: INP001 - a script beside the pages it writes

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import click
from generate_settings import settings_page

import hector.errors
from hector.cli.app import COMMANDS
from hector.cli.app import hector as root_command
from hector.errors import HectorError
from hector.testing.laws import FAMILIES, all_laws

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py; change the code, then run it again. -->\n"
DIAGNOSTICS: Mapping[str, tuple[str, str]] = {
    "H101": (
        "A file is not there, cannot be read, or is not UTF-8 text.",
        "Check the path and the permissions.",
    ),
    "H102": ("A key is unknown.", "Take the key that the hint names, or remove it."),
    "H103": (
        "A value has the wrong type.",
        "Write a value of the type that the message names; numbers and booleans stand without quotes.",
    ),
    "H104": (
        "A value is out of range, or is not one of those allowed.",
        "Choose a value that the message allows.",
    ),
    "H105": ("A key is missing.", "Add the key."),
    "H106": (
        "A variable is not set.",
        "Set it, put it into a `.env` file, or give a default as in `${NAME:-default}`.",
    ),
    "H107": (
        "No installed plugin offers a type.",
        "Correct the type, or install the distribution that the hint names.",
    ),
    "H108": (
        "A reference names an entry that does not exist.",
        "Add the entry, or name another one.",
    ),
    "H109": ("Agents refer to each other in a circle.", "Take one of the references out."),
    "H110": ("A key is not supported yet.", "Leave it out."),
    "H111": (
        "A spelling is deprecated; this is a warning.",
        "Write it the way that the hint says.",
    ),
    "H112": (
        "The syntax of a file is wrong.",
        "Correct the line; the message says what was expected.",
    ),
    "H113": (
        "Two plugins offer the same type.",
        "Choose one with `plugins.prefer`, or write `distribution:type`.",
    ),
    "H114": (
        "`extends` names a file that cannot be used, or the file itself.",
        "Correct the path; it is relative to the file that says it.",
    ),
    "H115": ("A file is too large.", "Split the config with `extends`."),
    "H116": (
        "The plugin that a type needs has failed, is blocked or is incompatible.",
        "See `hector plugins` for the reason and the remedy.",
    ),
    "H117": (
        "A requirement of `plugins.require` is not met.",
        "Install the distribution that the message names.",
    ),
    "H118": ("A key stands there twice.", "Keep one of the two."),
    "H119": (
        "An interpolation is not written right.",
        "Write `${NAME}`, `${NAME:-default}`, or `$$` for a dollar.",
    ),
    "H120": (
        "Two components claim what only one can hold, such as a folder that an embedded database locks.",
        "Let both users share one component, or give one of them a place of its own.",
    ),
    "H121": (
        "Nothing uses an entry; this is a warning.",
        "Name the entry where it is meant to be used, or remove it.",
    ),
    "H122": (
        "A value is allowed, but hardly what is meant; this is a warning.",
        "Read what the message says about it, and write what the hint says.",
    ),
}
"""What each problem of a config means, and what to do."""

REMEDIES: Mapping[str, str] = {
    "H000": "",
    "H001": "Correct the call; the message names the argument.",
    "H002": "Use a component that claims the capability.",
    "H003": "If the host is meant, name its network in `allowed_networks`.",
    "H100": "Correct every problem that is listed; see [problems of a config](#problems-of-a-config).",
    "H200": "See `hector plugins`.",
    "H205": "`hector plugins` lists the names.",
    "H300": "Look at the component that the message names.",
    "H301": "Look at the cause that the message gives; the component's settings are the usual place.",
    "H302": "See what the component waits for, or raise `server.build_timeout`.",
    "H303": "Tell the author of the plugin.",
    "H304": "Tell the author of the plugin; the other components were closed.",
    "H305": "Use one of the names that the hint lists.",
    "H306": "Open a new runtime.",
    "H310": "Read the message; what ran before runs on.",
    "H311": "Look at the running config and its plan again, then apply with its etag.",
    "H312": "Nothing, or hand the config in once more if it is still wanted.",
    "H313": "See which component takes long to come up, or raise `server.reload.timeout`.",
    "H314": "Return to one of the generations that the hint lists; `server.reload.history` says how many are kept.",
    "H315": "See what the plugin wants, or list it in `plugins.disable` and restart.",
    "H400": "Look at the database that `server.sessions` names.",
    "H401": "Load the session again and send the message once more.",
    "H402": "Check the user and the session id, or create the session.",
    "H403": "Load the session, or choose another id.",
    "H404": "`list_artifacts` gives the names and versions.",
    "H405": "Split the artifact, or raise the store's limit.",
    "H406": "Keep large content as an artifact and name it in the event.",
    "H407": "Drop what was derived from the feed and follow it from the beginning.",
    "H408": "Write JSON values under text keys before the tool returns.",
    "H420": "Look at what its message names: the embedder, the vector store, the disk; "
    "it goes on by itself when that is mended.",
    "H421": "Nothing: the index is made again from the sessions.",
    "H430": "Look at the task with `hector checkpoints show`.",
    "H431": "`hector checkpoints ls` lists the tasks.",
    "H432": "Look at the call again, and decide about what it says now.",
    "H500": "Look at the log: it has the details of unexpected errors.",
    "H501": "Raise `reasoning.max_iterations` of the agent, or give it a clearer instruction.",
    "H502": "Send the message again, or raise `server.reload.drain_timeout` or `server.shutdown_timeout`.",
    "H503": "Set the key, write `{key?}` where it may be missing, or `{{key}}` for the braces themselves.",
    "H504": "Send the message again; or run the config that the task began with, and resume it there.",
    "H505": "Decide about the calls that wait; agents let this error through.",
    "H506": "Send the message again if the answer is still wanted.",
    "H507": "Run the config that the task began with, or set `server.checkpoint.recovery.when_changed: upgrade`.",
    "H508": "Send the message again, or raise `server.checkpoint.recovery.timeout`.",
    "H510": "Look at the provider's status and at the message.",
    "H511": "Check the address and the network, then send the message again.",
    "H512": "Check the API key and what it may do.",
    "H513": "Wait, then send the message again.",
    "H514": "Begin a new session, or use a model with a larger context window.",
    "H515": "Send the message again; raise the model's `max_tokens` if answers are cut off.",
    "H516": "Send the message again later, or put another model behind it with `router`.",
    "H517": "Raise the timeout that the message names, or use a faster model.",
    "H518": "Correct what the message names: the model, a parameter, a schema.",
    "H519": "Ask in other words; the message names what the provider objected to, if it said so.",
    "H520": "The model reads the message and may try again.",
    "H521": "Name a path inside of the tool's root.",
    "H522": "Raise the tool's `timeout`, or the agent's `tool_timeout`.",
    "H523": "The model reads which arguments do not fit and may try again.",
    "H530": "Look at the embedder's settings and the provider's status.",
    "H540": "Look at the vector store's settings; a collection keeps the dimension it was made with.",
    "H550": "Look at the document, or at the source that the message names.",
    "H600": "Choose another port, or stop the program that uses it.",
}
"""What to do about each error of `hector.errors`."""


# ------------------------------------------------------------------------------ commands


def commands_page() -> str:
    """Every command with its help, as it prints it on 88 columns."""
    lines = [
        NOTE,
        "# Commands\n",
        (
            "The command line of Hector is the program `hector`. What it is asked for goes to stdout, and "
            "everything else to stderr. `--debug` before the command shows tracebacks. Set `NO_COLOR` to "
            "switch colours off.\n"
        ),
        "## Exit codes\n",
        (
            "The exit code of a command says how it ended: 0 when all went well, 1 for a wrong config or a "
            "failed check, 2 for wrong usage, 3 when an answer needs a human, 4 when a plan needs a restart, "
            "and 130 when it was interrupted.\n"
        ),
        "## hector\n",
        _help(root_command, "hector"),
    ]
    for name, (place, summary) in COMMANDS.items():
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        lines += [
            f"## hector {name}\n",
            f"`hector {name}`: {summary[0].lower()}{summary[1:]}\n",
            _help(command, f"hector {name}"),
        ]
        if isinstance(command, click.Group):
            for inner in command.commands.values():
                lines += [
                    f"### hector {name} {inner.name}\n",
                    _help(inner, f"hector {name} {inner.name}"),
                ]
    return "\n".join(lines)


def _help(command: click.Command, name: str) -> str:
    settings = {**command.context_settings, "help_option_names": ["-h", "--help"]}
    settings.pop("max_content_width", None)
    context = click.Context(command, info_name=name, terminal_width=88, **settings)
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"```text\n{text}\n```\n"


# ------------------------------------------------------------------------------ errors


def errors_page() -> str:
    """Every code with its meaning and what to do."""
    lines = [
        NOTE,
        "# Errors\n",
        (
            "An error code is a stable name such as `H102` for one kind of error. It stands in square brackets "
            "in front of the message. The message says what happened and where, and a hint says what to do "
            "next.\n"
        ),
        "## Problems of a config\n",
        (
            "Problems of a config have the codes H101 to H122. `hector validate` prints all of them at once, "
            "each with its place.\n"
        ),
        "| code | meaning | what to do |",
        "|---|---|---|",
        *(f"| {code} | {meaning} | {todo} |" for code, (meaning, todo) in DIAGNOSTICS.items()),
        "\n## Errors in Python\n",
        (
            "Errors in Python are the classes of `hector.errors`, all below `HectorError`. Each has `code`, "
            "`message` and `hint`. An invocation that fails carries the code in its `finished` event.\n"
        ),
        "| code | class | meaning | what to do |",
        "|---|---|---|---|",
        *(
            f"| {cls.code} | `{cls.__name__}` | {_first_line(cls)} | {REMEDIES[cls.code]} |"
            for cls in error_classes()
        ),
    ]
    return "\n".join(lines) + "\n"


def error_classes() -> list[type[HectorError]]:
    """The public errors, by code."""
    found = [getattr(hector.errors, name) for name in hector.errors.__all__]
    errors = [item for item in found if isinstance(item, type) and issubclass(item, HectorError)]
    return sorted(errors, key=lambda cls: cls.code)


def _first_line(cls: type) -> str:
    return " ".join((cls.__doc__ or "").strip().split("\n\n")[0].split())


# ------------------------------------------------------------------------------ laws


def laws_page() -> str:
    """Every law of the conformance kit, suite by suite."""
    lines = [
        NOTE,
        "# Laws\n",
        (
            "A law is one thing that every provider of a kind does, and that the [conformance kit](../conformance.md) "
            "tries. `hector laws` prints the same."
        ),
    ]
    suite = ""
    for law in all_laws():
        if law.suite != suite:
            suite = law.suite
            about = FAMILIES[law.id.partition("-")[0]].kind
            of = {"any": "every provider"}.get(about, f"providers of kind `{about}`")
            lines.append(f"\n## Laws of {suite}\n\nThe laws of `hector.testing.{suite}`, for {of}.")
        lines.append(
            f"\n### {law.id}\n\n{law.claim}\n\n- Why: {law.why}\n- When it fails: {law.fix}\n"
            f"- Since {law.since}, as `{law.test}`"
        )
    return "\n".join(lines) + "\n"


# ------------------------------------------------------------------------------ the pages

PAGES = {
    "commands.md": commands_page,
    "errors.md": errors_page,
    "laws.md": laws_page,
    "settings.md": lambda: settings_page(NOTE),
}


def main() -> int:
    """Write the pages, or with `--check` say which would change; the exit code says whether any would."""
    is_check = "--check" in sys.argv[1:]
    stale: list[str] = []
    for name, make in PAGES.items():
        path, text = FOLDER / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not is_check:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        click.echo(f"{'out of date' if is_check else 'wrote'}: docs/reference/{name}")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
