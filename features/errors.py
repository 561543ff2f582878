"""The errors meant for people: each says what, where and the mend, and is shown without a traceback.

HandrailError
|- BadInput       a file, a row or a request cannot be used
|  `- BadConfig   a configuration file cannot be used; the one in force stays
|- NotFound       no such student, decision, model version
|- NotReady       something has to be made first (data, a model, a night)
|- Refused        a gate said no
`- Unavailable    a part that we depend on does not answer; try again
"""

from __future__ import annotations


class HandrailError(Exception):
    """An error a person can act on.

    Args:
        what: what is wrong, in words, without a full stop.
        where: the file, row, field or command it is about.
        mend: what to do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", mend: str = "") -> None:
        self.what, self.where, self.mend = what, where, mend
        super().__init__((f"{where}: " if where else "") + what + (f". {mend}" if mend else ""))


class BadInput(HandrailError):
    """A file, a row or a request cannot be used."""


class BadConfig(BadInput):
    """A configuration file cannot be used; the one in force stays in force."""


class NotFound(HandrailError):
    """There is no such student, decision, experiment or model version."""


class NotReady(HandrailError):
    """Something has to be made first: data, a model, a night's list."""


class Refused(HandrailError):
    """A gate said no; the reason is in the text."""


class Unavailable(HandrailError):
    """A part that we depend on does not answer now."""
