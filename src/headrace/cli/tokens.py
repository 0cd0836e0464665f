"""`headrace token`: create, list and revoke the tokens by which users are known. No server is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headrace.cli.options import DatabaseUrl, DataDir, settings_from, usage
from headrace.cli.terminal import complain, is_terminal, print_json, say
from headrace.model.errors import InvalidField
from headrace.model.principal import ALL_SCOPES, TokenScope

if TYPE_CHECKING:
    from headrace.server.access import Access
    from headrace.store.tokens import Token

group = typer.Typer(help="Create, list and revoke tokens.", no_args_is_help=True, rich_markup_mode=None)

User = Annotated[str, typer.Option("--user", metavar="NAME", help="On whose behalf the token speaks.")]
Name = Annotated[str, typer.Option("--name", metavar="TEXT", help="What it is for.")]
Days = Annotated[float | None, typer.Option("--expires-days", metavar="N", help="Days it is valid; always by default.")]
Scopes = Annotated[
    list[TokenScope] | None, typer.Option("--scope", help="What it allows; may be repeated. Read and write by default.")
]
TokenId = Annotated[str, typer.Argument(metavar="ID", help="The token's id, or the beginning of it.")]


def register(app: typer.Typer) -> None:
    """Add the group of this file."""
    app.add_typer(group, name="token")


@group.command()
def create(
    user: User,
    name: Name = "",
    expires_days: Days = None,
    scope: Scopes = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make a token and print it, alone; it is not shown again."""
    with _access(data_dir=data_dir, database_url=database_url) as access:
        try:
            secret, _ = access.create_token(user, name=name, scopes=scope or ALL_SCOPES, expires_days=expires_days)
        except InvalidField as error:
            raise usage(error.detail) from error
    say(secret)


@group.command("list")
def list_(data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """List all tokens, oldest first."""
    with _access(data_dir=data_dir, database_url=database_url) as access:
        found = access.list_tokens()
    if not is_terminal():
        for one in found:
            print_json(_told(one))
    elif found:
        _print_table(found)
    else:
        say("no tokens yet; make one with: headrace token create --user NAME")


@group.command()
def revoke(token_id: TokenId, data_dir: DataDir = None, database_url: DatabaseUrl = None) -> None:
    """Take a token back; what was opened with it ends within seconds."""
    with _access(data_dir=data_dir, database_url=database_url) as access:
        revoked = access.revoke_token(token_id)
    complain(f"revoked {revoked.token_id} of {revoked.user_id}")


@contextmanager
def _access(**given: Any) -> Iterator["Access"]:
    from headrace.server.access import Access
    from headrace.store import migrations
    from headrace.store.database import Database

    settings = settings_from(**given)
    database = Database(settings.url)
    try:
        migrations.upgrade(database)
        yield Access(settings, database)
    finally:
        database.close()


def _told(token: "Token") -> dict[str, Any]:
    from headrace.model.event import instant

    moments = {name: getattr(token, name) for name in ("created_at", "last_used_at", "expires_at", "revoked_at")}
    return {
        "token_id": token.token_id,
        "user_id": token.user_id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        **{name: moment and instant(moment) for name, moment in moments.items()},
    }


def _print_table(found: list["Token"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("user", "name", "id", "scopes", "created", "last used", "expires", "revoked"):
        table.add_column(name)
    for one in found:
        moments = (one.created_at, one.last_used_at, one.expires_at, one.revoked_at)
        shown = [moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else "-" for moment in moments]
        table.add_row(Text(one.user_id), Text(one.name), one.token_id, " ".join(sorted(one.scopes)), *shown)
    Console().print(table)
