"""`hector token`."""

from __future__ import annotations

import json
import sys

import click

from hector.config.admin_token import admin_token_flaw, hash_admin_token, new_admin_token

__all__ = ["command"]


@click.command("token")
@click.option("--hash", "is_hash", is_flag=True, help="Print the hash of a token read from stdin.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(is_hash: bool, as_json: bool) -> int:
    """Make a token for the admin API, and print it with its hash; it is kept nowhere.

    The token belongs into the variable HECTOR_ADMIN_TOKEN of who calls the API. The server needs the token there
    too, or the hash in its config under server.admin.token_hash.
    """
    token = _given() if is_hash else new_admin_token()
    flaw = admin_token_flaw(token)
    if flaw:
        click.echo(f"error: the token {flaw}", err=True)
        click.echo("  hint: `hector token` makes one", err=True)
        return 1
    digest = hash_admin_token(token)
    if as_json:
        click.echo(json.dumps({"hash": digest} if is_hash else {"token": token, "hash": digest}))
    elif is_hash:
        click.echo(digest)
    else:
        click.echo(f"token  {token}\nhash   {digest}")
        click.echo(
            "Keep the token now: it is shown this once. To the server it is known by HECTOR_ADMIN_TOKEN, "
            "or by server.admin.token_hash, which takes the hash.",
            err=True,
        )
    return 0


def _given() -> str:
    if sys.stdin.isatty():
        text: str = click.prompt("token", hide_input=True, err=True)
    else:
        text = sys.stdin.readline()
    return text.strip("\r\n")
