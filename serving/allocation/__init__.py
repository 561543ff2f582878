"""Allocation: what a minute, a message and a unit of money cost tonight, so that what is offered fits what there is.

Every student chooses on its own: the offer with the greatest value net of prices. The prices are the duals of the
linear program max sum V x with one offer a student and the capacities as constraints, settled so that the *discrete*
choices keep every capacity. Students whose offers are worth exactly the same stand or fall together: prices cannot tell
them apart, so whoever makes the values must (a hash of the student in the last digits is enough).
"""

from serving.allocation.offers import Offers, choose
from serving.allocation.prices import Prices, price

__all__ = ["Offers", "Prices", "choose", "price"]
