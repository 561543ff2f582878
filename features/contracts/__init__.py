"""Every table that crosses a wall: typed, bounded and described in words."""

from features.contracts.check import Checked, check
from features.contracts.tables import TABLES, Contract

__all__ = ["TABLES", "Checked", "Contract", "check"]
