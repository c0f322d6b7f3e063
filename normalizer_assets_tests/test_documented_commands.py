"""Every command of README and docs, typed as it stands there.

Belongs here: finding them, what stands for their placeholders, and those that no test can type,
with the reason. Does not belong here: what commands do, which has tests of its own; what else the
pages name (``test_documentation``).
"""

import csv
import json
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import click
import pytest
import tomlkit

from normalizer_assets.cli import cli
from normalizer_assets.cli.demo import SAMPLE
from normalizer_assets.config import load_config
from normalizer_assets.db.embedded import binary, server_folder, server_url, stop_server
from normalizer_assets.standin.server import running_standin
from normalizer_assets.standin.settings import StandinSettings
from normalizer_assets_tests.alerts.receivers import running_webhook
from normalizer_assets_tests.pages import NAMES, ROOT, TEXT, Block, blocks, code_of, prose, spans

UNTYPED = {
    "make test    # the test suite: five minutes": "it is what types all others",
    "make dev": "serves until Ctrl-C; the browser's test starts it",
    """\
dagster-webserver -w /opt/normalizer/workspace.yaml -h 127.0.0.1 -p 3000
dagster-daemon run -w /opt/normalizer/workspace.yaml
""": "serve until they are stopped, and the browser's test serves as they do",
    """\
export OPENAI_API_KEY=...
export NORMALIZER__PATHS__DATA=data_openai NORMALIZER_LANDING=data/landing
unset OPENAI_BASE_URL
normalizer run --day 2024-10-03 --retailer lider --wait
""": "needs an account at OpenAI",
}
"""Parts of blocks that no test can type, and why."""

SERVING = "normalizer standin"
"""A command that serves until it is stopped: started, and stopped with the page."""

FAILING = {
    "normalizer doctor": "the shipped models have a last day, after which this is a failure",
    "normalizer run --day 2024-10-02 --retailer jumbo --wait --force": "asks, and nobody is there",
}
"""Commands that may end with exit code 1 here, and why."""

AFTER_THE_DEMO = ("README.md", "docs/runbook.md", "docs/tables.md")
"""Pages whose examples are the demo's; the others are read by somebody who has not run it."""

OPTION = re.compile(r"^--[a-z][a-z-]*")


# --- without typing them -----------------------------------------------------------------


def test_every_block_says_what_it_is() -> None:
    odd = [each.place for each in blocks() if each.language not in _LANGUAGES]
    assert not odd, f"say one of {', '.join(_LANGUAGES)} behind ```"


_LANGUAGES = ("sh", "sql", "toml", "python", "text")


def test_no_command_hides_in_a_block_of_text() -> None:
    commands = re.compile(r"^\s*(normalizer|make|psql|export|dagster|pg_\w+) ", re.MULTILINE)
    assert not [each.place for each in blocks("text") if commands.search(each.code)]


def test_every_untyped_command_is_still_there() -> None:
    code = "\n".join(each.code for each in blocks("sh"))
    assert not [text for text in (*UNTYPED, *FAILING, SERVING) if text not in code]


def _parsed(words: list[str]) -> click.Command:
    """Returns the command that these words call.

    Raises:
        click.UsageError: There is no such command or option, or a word too many.
    """
    command: click.Command = cli
    context = click.Context(cli, info_name="normalizer")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no command {name}", context)
        command, context = found, click.Context(found, context, name)
    _, rest, _ = command.make_parser(context).parse_args(words)
    if rest and not isinstance(command, click.Group):
        raise click.UsageError(f"{' '.join(rest)} is too much", context)
    return command


_TYPED = re.compile(r"(?<![-./\w])normalizer ([a-z][^\n|>;&)#]*)")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_the_options_that_a_page_gives_it(name: str) -> None:
    for text in _TYPED.findall(code_of(name)):
        words = [word for word in shlex.split(text) if word != "..."]
        try:
            _parsed(words)
        except click.UsageError as error:
            pytest.fail(f"{name}: `normalizer {text}`: {error.format_message()}")


def _options(command: click.Command) -> set[str]:
    own = {option for parameter in command.params for option in parameter.opts}
    below = command.commands.values() if isinstance(command, click.Group) else []
    return own.union(*map(_options, below))


@pytest.mark.parametrize("name", NAMES)
def test_every_option_in_the_row_of_a_command_is_one_of_it(name: str) -> None:
    for row in re.findall(r"^\| `normalizer .*$", prose(name), re.MULTILINE):
        first, *others = spans(row)
        command = _parsed(shlex.split(first)[1:])
        named = {found[0] for span in others if (found := OPTION.match(span))}
        assert named <= _options(command), f"{name}: {first}"


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.place)
def test_every_piece_of_configuration_is_one(block: Block, tmp_path: Path) -> None:
    whole = tomlkit.parse((ROOT / "config.gpt5.toml").read_text(encoding="utf-8")).unwrap()
    _merge(whole, tomlkit.parse(block.code).unwrap())
    # A piece may lay out a shop's file, and leave out that the shop exists, or the other way round.
    for retailer in whole["retailers"].values():
        whole["sources"].setdefault(retailer.get("source", "landing"), {"path": "{day}/x.csv"})
    file = tmp_path / "config.toml"
    file.write_text(tomlkit.dumps(whole), encoding="utf-8")
    load_config({"NORMALIZER_CONFIG": str(file)})


def _merge(whole: dict, piece: dict) -> None:  # type: ignore[type-arg]
    for key, value in piece.items():
        if isinstance(value, dict) and isinstance(whole.get(key), dict):
            _merge(whole[key], value)
        else:
            whole[key] = value


# --- typing them -------------------------------------------------------------------------


class Reader:
    """Somebody with a fresh clone, who types the blocks of pages one after the other.

    Args:
        clone: A folder to be made.

    Attributes:
        stands_for: Pattern -> what is typed in its place.
    """

    def __init__(self, clone: Path) -> None:
        self.clone = clone
        self.stands_for: dict[str, str] = {}
        self._terminal = clone.parent / "terminal"
        clone.mkdir()
        for name in ("config.gpt5.toml", ".env.example"):
            shutil.copy(ROOT / name, clone)
        for name in ("Makefile", "deploy", "pyproject.toml", "requirements.lock", "workspace.yaml"):
            (clone / name).symlink_to(ROOT / name)
        (clone / ".venv").symlink_to(sys.prefix)

    def open_terminal(self, **variables: str) -> None:
        """Begins anew at the top of the clone, with these variables alone."""
        variables = {"HOME": str(self.clone), "PATH": "/usr/local/bin:/usr/bin:/bin"} | variables
        exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        self._terminal.write_text("\n".join([*exports, f"cd {shlex.quote(str(self.clone))}"]))

    def read(self, page: str) -> None:
        """Types what a page holds, in its order."""
        with ExitStack() as serving:
            for block in blocks("sh", "sql", "python", page=page):
                code = self._typed(block)
                if code.startswith(SERVING):
                    serving.enter_context(self._serving(code))
                elif code:
                    self.type(code, block.place)

    def type(self, code: str, place: str = "the test") -> str:
        """Types something into the terminal and returns what it prints.

        What it exports and where it goes stays so for what is typed next.
        """
        terminal = shlex.quote(str(self._terminal))
        remember = f"{{ export -p; echo \"cd '$PWD'\"; }} > {terminal}"
        done = subprocess.run(  # noqa: S603 - our own pages
            ["/bin/bash", "-c", f". {terminal}\nset -eo pipefail\n{code}\n{remember}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={},
        )
        if done.returncode:
            said = f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            pytest.fail(f"{place}: exit code {done.returncode}\n{code}\n{said}", pytrace=False)
        return done.stdout

    def _typed(self, block: Block) -> str:
        """Returns a block as it can be typed here."""
        if block.language == "sql":
            return f'psql -v ON_ERROR_STOP=1 "{self.database}" <<"END"\n{block.code}END'
        if block.language == "python":
            return f'python - <<"END"\n{block.code}END'
        code = block.code
        for untyped in UNTYPED:
            code = code.replace(untyped, "")
        for pattern, value in self.stands_for.items():
            code = re.sub(pattern, value, code, flags=re.MULTILINE)
        for line in FAILING:
            code = re.sub(rf"^{line}(?= *(#|$))", f"{line} || [ $? = 1 ]", code, flags=re.MULTILINE)
        return code

    @cached_property
    def database(self) -> str:
        """The address of the clone's database."""
        return self.type("normalizer db url").strip()

    @contextmanager
    def _serving(self, code: str) -> Iterator[None]:
        script = f". {shlex.quote(str(self._terminal))}\nexec {code}"
        with subprocess.Popen(["/bin/bash", "-c", script], env={}) as server:  # noqa: S603
            try:
                _wait_for(int(code.rpartition(" ")[2]))
                yield
            finally:
                server.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail(f"nobody listens on port {port}")


_OWN = r"//user:password@host/(\w+)"
"""Databases of a server of one's own."""


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader with a server of their own, on which no database is; it ends with the test."""
    reader = Reader(tmp_path / "clone")
    own = server_url(tmp_path / "own", "DATABASE")
    port = str(_free_port())
    reader.stands_for = {
        "^make ": "make --old-file=.venv/installed ",
        rf"^{SERVING}$": f"{SERVING} --port {port}",
        "8765": port,
        _OWN: own.partition(":")[2].replace("DATABASE", r"\1"),
        "/srv/normalizer": str(tmp_path / "srv"),
        "/opt/normalizer": str(reader.clone),
        "--day D --retailer R": "--day 2024-10-01 --retailer lider",
        "^(normalizer (rollback|reprocess) .*)$": r"\1 --yes",  # nobody is there to be asked
    }
    yield reader
    for data in (tmp_path / "own", tmp_path / "clone" / "data", tmp_path / "srv" / "data"):
        stop_server(data)
        # As root the server's files lie outside of a private folder.
        shutil.rmtree(server_folder(data).parent, ignore_errors=True)


@pytest.fixture
def terminal(reader: Reader) -> Iterator[dict[str, str]]:
    """Variables of a terminal in which the environment is activated and a stand-in is named."""
    with running_standin(StandinSettings(batch_seconds=0.2)) as standin:
        yield {
            "PATH": f"{reader.clone}/.venv/bin:{Path(binary('psql')).parent}:/usr/bin:/bin",
            "OPENAI_BASE_URL": standin.url,
            "OPENAI_API_KEY": "standin",
            "NORMALIZER__POLLING__INTERVAL_SECONDS": "0.5",
        }


@pytest.mark.slow
def test_who_has_run_the_demo_can_type_everything(reader: Reader, terminal: dict[str, str]) -> None:
    reader.open_terminal()
    reader.read("README.md")

    reader.open_terminal(**terminal)
    shown = re.findall(r"^(2024-\S+) +(\w+) +(\d+) .*$", TEXT["README.md"], re.MULTILINE)
    assert len(shown) == 6
    query = "select day || '|' || retailer, state, normalized_count from normalizer.partitions"
    stored = reader.type(f'psql -At -F " " "{reader.database}" -c "{query}"').splitlines()
    assert {" ".join(row) for row in shown} <= set(stored)

    batches = json.loads(reader.type("normalizer batches list --json"))
    doubtful = json.loads(reader.type("normalizer review list --retailer jumbo --json"))
    reader.stands_for |= {
        r"\bID\b": batches[0]["batch_id"],
        r"\bQUESTION\b": doubtful["rows"][0]["question"],
    }
    for page in AFTER_THE_DEMO[1:]:
        reader.open_terminal(**terminal)
        reader.read(page)


@pytest.mark.slow
def test_who_has_only_landed_listings_can_type_the_rest(
    reader: Reader, terminal: dict[str, str]
) -> None:
    landing = reader.clone / "data" / "landing"
    shutil.copytree(SAMPLE, landing)
    listings = landing / "2024-10-01" / "jumbo.csv"
    for place in (listings.with_stem("lider"), reader.clone / "mine.csv"):
        shutil.copy(listings, place)
    (reader.clone / "outcomes.ndjson").write_text(_outcomes(listings), encoding="utf-8")
    server = reader.stands_for[_OWN].replace(r"\1", "postgres")
    reader.open_terminal(**terminal)
    for name in ("normalizer", "dagster"):  # which somebody's own server has, production.md says
        reader.type(f"createdb --maintenance-db postgresql:{server} {name}")
    with running_webhook() as webhook:
        reader.stands_for |= {r"https://hooks\.slack\.com/services/\.\.\.": webhook.url}
        for page in NAMES:
            if page not in AFTER_THE_DEMO:
                reader.open_terminal(**terminal)
                reader.read(page)
        assert webhook.texts


def _outcomes(listings: Path) -> str:
    """Returns invented outcomes of both tiers, for each listing of a file."""
    with listings.open(encoding="utf-8") as file:
        rows = [
            {"name": row["name"], "mini_right": number % 3 > 0, "full_right": True}
            for number, row in enumerate(csv.DictReader(file))
            if row["name"]
        ]
    return "".join(f"{json.dumps(row)}\n" for row in rows * 3)
