"""The command line: `normalizer COMMAND`.

Belongs here: the list of commands, exit codes, and turning errors into one clear line.
Does not belong here: what a command does; each has its own module, imported when it is
called, so that `--help` is quick.
"""

import importlib
import sys

import click

from normalizer_assets.config import ConfigurationError

EXIT_GREEN, EXIT_ERROR, EXIT_USAGE, EXIT_HELD = 0, 1, 2, 3

COMMANDS = {
    "alerts": "What needs a hand, and the channels that tell of it.",
    "batches": "Look at batches, cancel, adopt and release them.",
    "bench": "Time the stages on synthetic listings.",
    "cache": "Fill the semantic cache, look into it, take entries out.",
    "calibrate": "Fit the router and the confidence to your own traffic and labels.",
    "db": "Start, stop, inspect and migrate the database.",
    "demo": "The whole job on the bundled sample, against the stand-in.",
    "dev": "UI, daemon and (without a key) the stand-in.",
    "eval": "How good rules and confidence are, on labelled listings.",
    "doctor": "Check what work needs, and say what to type.",
    "estimate": "What a landed partition would cost, four ways.",
    "init": "Write a configuration, an example of variables and a landing folder.",
    "reprocess": "Ask history again, after a new prompt or model.",
    "review": "Look at doubtful rows, accept, correct and reject them.",
    "rollback": "Show a partition's previous version again.",
    "run": "Submit one partition and, with --wait, collect it.",
    "standin": "A local OpenAI-compatible server, for development without a key.",
    "stats": "What was done, by whom, at what cost.",
}


class LazyCommands(click.Group):
    """Imports a command's module when it is called: most need Polars or Dagster."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Returns the commands in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Returns a command, ``None`` for an unknown one."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Normalise retailers' product listings with language models.

    Exit codes: 0 complete and green, 3 complete but held by a gate, 1 error, 2 usage.
    """


def main() -> None:
    """The entry point: errors that a person can mend are one line, not a traceback."""
    try:
        # Outside of standalone mode click returns the code of a raised Exit.
        sys.exit(cli(prog_name="normalizer", standalone_mode=False))
    except click.Abort as stop:
        if isinstance(stop.__cause__, KeyboardInterrupt):
            click.echo("stopped; nothing is lost, type the command again to go on", err=True)
        sys.exit(EXIT_ERROR)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (ConfigurationError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_ERROR)
    except Exception as error:
        if not _is_lost_database(error):
            raise
        reason = str(error).splitlines()[0]
        click.echo(
            f"Error: the database went away: {reason}; nothing is lost, type the command again",
            err=True,
        )
        sys.exit(EXIT_ERROR)


def _is_lost_database(error: Exception) -> bool:
    # Looked up, not imported: most of `--help` does without it.
    sqlalchemy = sys.modules.get("sqlalchemy")
    return sqlalchemy is not None and isinstance(error, sqlalchemy.exc.OperationalError)
