"""Drawn tables of who a student is."""

from __future__ import annotations

from tests.spec.drawn import PROFILE, Drawn

STUDENTS = """
student_id | acquisition_channel | gender | age_band | region | disability | known_at
ann        | friend              | f      | 0-35     | north  | no         |
bob        | search              | x      | 35-55    | south  | yes        |
bob        | search              | m      | 55<=     | north  | yes        | 2026-03-15
cat        |                     | f      | 0-35     | south  | yes        |
cat        | friend              | m      | 35-55    | north  | no         | 2026-03-10
"""


def _profile(attribute: str, expect: str) -> Drawn:
    listed = ", ".join(PROFILE[attribute])
    says = f"the school lists {listed}, the first is 0; who is not known or of another value is unknown"
    return Drawn(f"profile_{attribute}", says, {"students": STUDENTS}, expect)


DRAWN = [
    _profile("acquisition_channel", "ann | 1\nbob | 0\ncat | 1\ndan | -"),
    _profile("gender", "ann | 0\nbob | -\ncat | 1\ndan | -"),
    _profile("age_band", "ann | 0\nbob | 1\ncat | 1\ndan | -"),
    _profile("region", "ann | 0\nbob | 1\ncat | 0\ndan | -"),
    _profile("disability", "ann | 0\nbob | 1\ncat | 0\ndan | -"),
]
