"""The door to MLflow: opened quietly, and its errors turned into ones that say what to do."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from features.errors import Unavailable


def open_mlflow() -> ModuleType:
    """MLflow, opened quietly: it tells nobody, loads no pickle and draws no progress bars."""
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "true")
    for name in ("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"):
        os.environ.setdefault(name, "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # standard output is for our answers
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow
    import mlflow.lightgbm

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


@contextmanager
def asking() -> Iterator[None]:
    """Turns errors of MLflow and of its database into one that says what to do.

    Raises:
        Unavailable: MLflow does not answer as it should.
    """
    mlflow = open_mlflow()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (mlflow.exceptions.MlflowException, SQLAlchemyError) as error:
        said = str(error).strip().splitlines()[0]
        raise Unavailable(f"MLflow does not answer as it should: {said}", where="registry", mend="Try again") from error
