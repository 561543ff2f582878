"""The registry: which model was trained, which one serves, which one runs beside it. The only room that knows MLflow.

MLflow keeps runs, versions and aliases; what is served is a checked copy of plain files under ``<home>/bundles``, so
that serving needs no MLflow (`model.served`).

    <home>/mlflow.db                     runs, versions, aliases `challenger`, `champion` and `shadow`
    <home>/mlruns/                       artifacts
"""

from model.registry.runs import Release, Trial
from model.registry.versions import Recorded, Registry
from model.served import served_bundle, shadow_bundle

__all__ = ["Recorded", "Registry", "Release", "Trial", "served_bundle", "shadow_bundle"]
