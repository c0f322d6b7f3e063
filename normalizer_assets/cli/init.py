"""`normalizer init`: a folder of one's own to start from.

Belongs here: what is written and what to type next. Does not belong here: the settings and the
variables themselves; they are copied from those that are shipped.
"""

import os
from pathlib import Path

import click

from normalizer_assets.config import DEFAULT_CONFIG_FILE, ENVIRONMENT_PREFIX

SHIPPED = Path(__file__).parents[2]
"""Where the shipped configuration and the example of variables lie."""

EXAMPLE_DAY, EXAMPLE_RETAILER = "2024-10-01", "lider"
EXAMPLE = """\
name,category,price,sku
Leche Entera Colun 1 L,Lácteos,1290,100001
"Smart TV LG OLED 55"" C3",Televisores,999990,100002
Arroz Grado 1 Tucapel 1 kg,Despensa,1490,100003
Coca Cola 2 L,Bebidas,2190,100004
Smartphone Samsung Galaxy A35 5G 128GB Negro,Celulares,249990,100005
"""
README = (
    "Listings land here as `<day>/<retailer>.csv` (or .ndjson, .parquet), for example "
    f"`{EXAMPLE_DAY}/{EXAMPLE_RETAILER}.csv`.\n"
)
ELSEWHERE = (
    "NORMALIZER_CONFIG",
    "NORMALIZER_LANDING",
    "NORMALIZER_STORAGE",
    f"{ENVIRONMENT_PREFIX}PATHS__DATA",
    f"{ENVIRONMENT_PREFIX}PATHS__LANDING",
    f"{ENVIRONMENT_PREFIX}PATHS__STORAGE",
)
"""Variables that lead away from a new folder."""


@click.command("init")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def command(folder: Path) -> None:
    """Write a configuration, an example of variables and a landing folder into FOLDER.

    Nothing that exists is changed; it says what does.
    """
    landing = folder / "data" / "landing"
    files = {
        folder / DEFAULT_CONFIG_FILE: (SHIPPED / DEFAULT_CONFIG_FILE).read_bytes(),
        folder / ".env.example": (SHIPPED / ".env.example").read_bytes(),
    }
    if landing.exists():
        # It may be in use: an example in it would be a partition of its owner's.
        click.echo(f"exists   {landing}, left as it is")
    else:
        files |= {
            landing / "README.md": README.encode(),
            landing / EXAMPLE_DAY / f"{EXAMPLE_RETAILER}.csv": EXAMPLE.encode(),
        }
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("xb") as written:
                written.write(content)
        except FileExistsError:
            click.echo(f"exists   {file}, left as it is")
        else:
            click.echo(f"written  {file}")
    click.echo("\nNext:\n")
    for line in _next_commands(folder):
        click.echo(f"  {line}")


def _next_commands(folder: Path) -> list[str]:
    diverting = [name for name in ELSEWHERE if name in os.environ]
    partition = f"--day {EXAMPLE_DAY} --retailer {EXAMPLE_RETAILER}"
    return [
        f"cd {folder}",
        *([f"unset {' '.join(diverting)}"] if diverting else []),
        "normalizer doctor",
        f"normalizer estimate {partition}",
        "normalizer standin    # in another terminal: answers without a key, and without a model",
        "export OPENAI_BASE_URL=http://127.0.0.1:8765/v1 OPENAI_API_KEY=standin",
        f"normalizer run {partition} --wait",
        "normalizer stats",
    ]
