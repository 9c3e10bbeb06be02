"""All commands, under one name, in the order in which an operator meets them."""

import click

from napixd_store.cli import changing, checking, importing, looking, moving

_THEMES: dict[str, list[click.Command]] = {
    "Look": looking.COMMANDS,
    "Change": changing.COMMANDS,
    "Keep": [*moving.KEEP, *checking.COMMANDS],
    "Move": [*moving.COMMANDS, *importing.COMMANDS],
}

_EPILOG = """\b
Where, for each command:
  --config app.ini           an app's settings, and by name what they declare
  --url sqlite:desk.sqlite   a place; also file: directory: redis: unix:
  --backend X --option a=b   any backend, with its options
  none of these              $NAPIXD_STORE_URL, or else the default place
"""


class Themes(click.Group):
    """A group whose help lists its commands by theme."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each theme."""
        width = max(map(len, self.commands))
        room = formatter.width - width - 6
        for theme, some in _THEMES.items():
            with formatter.section(theme):
                rows = [(f"{each.name:{width}}", each.get_short_help_str(room)) for each in some]
                formatter.write_dl(rows)


@click.group(
    cls=Themes,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    invoke_without_command=True,
    no_args_is_help=False,
    epilog=_EPILOG,
)
@click.version_option(package_name="napixd-store", message="%(package)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Look into stores and counters, change, archive and move them."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for each in (each for some in _THEMES.values() for each in some):
    commands.add_command(each)
