"""What must not be lost: decisions, nights, curators' words, contacts, consents, keys and people, in one database."""

from serving.store.health import Health, Told
from serving.store.rows import Account, ApiKey, Contact, Entry, Night, Reported, Verdict
from serving.store.store import Store

__all__ = ["Account", "ApiKey", "Contact", "Entry", "Health", "Night", "Reported", "Store", "Told", "Verdict"]
