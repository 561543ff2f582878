"""Assignment: a draw from a name and a salt, so that anybody can make it again and nobody has to store it."""

from __future__ import annotations

from hashlib import blake2b


def unit_interval(salt: str, unit_id: str) -> float:
    """A number for the unit, even over [0, 1), the same for ever; another salt gives one that knows nothing of it.

    The first 53 of 64 bits of BLAKE2b over ``salt|unit_id``: all that a float can hold below 1.

    Args:
        salt: names the draw, such as the hold-out of one term.
        unit_id: what is drawn for, such as a student.
    """
    digest = blake2b(f"{salt}|{unit_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def in_holdout(student_id: str, salt: str, share: float) -> bool:
    """Whether the student is in the control group that is left alone.

    A larger share keeps everyone who was in it; only another salt releases them.

    Args:
        student_id: the student.
        salt: of the term's hold-out.
        share: of all students, 0-1.
    """
    return unit_interval(salt, student_id) < share
