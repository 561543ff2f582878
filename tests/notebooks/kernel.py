"""Runs all notebooks on a school, as somebody would who opens one after the other in the same kernel."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
CELL_SECONDS = 600


@dataclass(frozen=True)
class Ran:
    """A cell after its run."""

    id: str
    source: str
    outputs: list[NotebookNode]

    @property
    def errors(self) -> list[str]:
        return [f"cell {self.id}: {out.ename}: {out.evalue}" for out in self.outputs if out.output_type == "error"]

    @property
    def draws(self) -> bool:
        return "plt.show()" in self.source or self.source.splitlines()[-1].startswith("drawn[")

    @property
    def images(self) -> list[np.ndarray]:
        """Its figures, (height, width, 4) each, 0-1."""
        from matplotlib.image import imread

        found = [out.data["image/png"] for out in self.outputs if "image/png" in out.get("data", {})]
        return [imread(BytesIO(base64.b64decode(one))) for one in found]

    @property
    def words(self) -> str:
        return "".join(out.text for out in self.outputs if out.output_type == "stream" and out.name == "stdout")


def run_all(home: Path) -> dict[str, list[Ran]]:
    """Every notebook's code cells after a run on the school in ``home``.

    One kernel serves all, with its names cleared in between: importing the house costs more than the cells do.
    """
    whole = nbformat.v4.new_notebook()
    for path in NOTEBOOKS:
        whole.cells.append(nbformat.v4.new_code_cell("%reset -f", id=f"{path.stem}-reset"))
        for cell in nbformat.read(path, as_version=4).cells:
            whole.cells.append(NotebookNode(cell, id=f"{path.stem}-{cell.id}"))
    settled = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}
    NotebookClient(
        whole,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(FOLDER)}},
    ).execute(env=settled | {"HANDRAIL_HOME": str(home)})
    return {path.stem: [_ran(cell) for cell in whole.cells if _is_of(cell, path.stem)] for path in NOTEBOOKS}


def _is_of(cell: NotebookNode, name: str) -> bool:
    return cell.cell_type == "code" and cell.id.startswith(f"{name}-")


def _ran(cell: NotebookNode) -> Ran:
    return Ran(cell.id, cell.source, cell.outputs)


def coloured(image: np.ndarray) -> float:
    """The share of pixels that have a colour: axes, grids and words are black and grey, what is drawn is not."""
    return float((np.ptp(image[..., :3], axis=2) > 0.1).mean())
