"""Progress of long work: a bar for a person at a terminal, nothing where the output is read by a program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Report = Callable[[int, int, str], None]


@contextmanager
def shown(title: str, *, quiet: bool = False) -> Iterator[Report]:
    """A bar on the error stream while the block runs; a line when it starts if that is no terminal.

    Yields:
        report(done, all, what).
    """
    console = Console(stderr=True, quiet=quiet)
    if not console.is_terminal:
        console.print(f"{title} ...", highlight=False)
        yield lambda done, total, what: None
        return
    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=f"{title}: {what}")
        bar.update(task, completed=1, total=1, description=title)
