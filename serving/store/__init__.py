"""What must not be lost: decisions and what they were made by, nights, what was told, people, in one database."""

from serving.store.health import Health, Told
from serving.store.rows import Account, ApiKey, Contact, Entry, Exhausted, Night, Overtaken, Reported, Verdict
from serving.store.store import Store

__all__ = [
    "Account",
    "ApiKey",
    "Contact",
    "Entry",
    "Exhausted",
    "Health",
    "Night",
    "Overtaken",
    "Reported",
    "Store",
    "Told",
    "Verdict",
]
