"""Progress of long work on a terminal.

Belongs here: bars and lines on standard error. Does not belong here: results.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from normalizer_assets.batching.polling import BatchProgress


@contextmanager
def working(description: str, *, quiet: bool = False) -> Iterator[None]:
    """Shows that something is under way whose length is not known."""
    with Console(stderr=True, quiet=quiet).status(description):
        yield


@contextmanager
def batch_progress(*, quiet: bool = False) -> Iterator[Callable[[BatchProgress], None]]:
    """Shows a bar for each open batch; yields what takes the changes."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, quiet=quiet),
        transient=True,
    )
    tasks: dict[str, TaskID] = {}
    with bars:
        # Pulses while results are read and single calls are made between two looks.
        bars.add_task("collecting", total=None)

        def on_progress(change: BatchProgress) -> None:
            if change.batch_id not in tasks:
                tasks[change.batch_id] = bars.add_task(change.batch_id, total=change.total)
            bars.update(
                tasks[change.batch_id],
                completed=change.done,
                description=f"{change.batch_id[:16]} {change.state}",
            )

        yield on_progress
