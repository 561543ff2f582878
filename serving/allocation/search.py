"""The search for prices: one price moves at a time, and what each student chooses on its own is counted anew."""

from __future__ import annotations

import math

import numpy as np

from serving.allocation.offers import Rows

SWEEPS = 30
PRECISION = 1e-12
"""Relative width at which the search for a price ends."""
ENOUGH = 1e-7
"""The search over all prices ends when a sweep lowers the dual bound by less than this share."""


class Search:
    """Moves one price at a time and keeps what is used.

    Attributes:
        prices, used: (r,) where the search stands.
    """

    def __init__(self, rows: Rows, limits: np.ndarray, prices: np.ndarray) -> None:
        self._rows, self._limits, self.prices = rows, limits, prices
        self._shut = np.zeros(len(limits))  # at this price nobody takes any of it
        with np.errstate(divide="ignore", invalid="ignore"):
            worth = np.where(rows.amount > 0, rows.value / rows.amount, 0)
        np.maximum.at(self._shut, rows.resource.ravel(), worth.ravel())
        self._shut = self._shut * (1 + 1e-9) + PRECISION
        self.prices = np.minimum(prices, self._shut)
        self._recount()

    def _recount(self) -> None:
        taken, _ = self._rows.best(self.prices)
        self.used = self._rows.used(taken)

    def value(self, prices: np.ndarray) -> float:
        """The sum of V over the choices at some prices."""
        taken, _ = self._rows.best(prices)
        return math.fsum(self._rows.value[self._rows.start + taken])

    def bound(self) -> float:
        """The Lagrangian dual at these prices: no choice that keeps the limits is worth more."""
        _, net = self._rows.best(self.prices)
        priced = self.prices > 0
        return math.fsum(net) + math.fsum(self.prices[priced] * self._limits[priced])

    def clear(self) -> None:
        """Prices at which each resource just keeps its own limit, sweep after sweep: coordinate descent on the dual."""
        short = np.flatnonzero(np.isfinite(self._limits)).tolist()
        best, best_prices = self.bound(), self.prices.copy()
        for _ in range(SWEEPS):
            for resource in short:
                self._set_lowest(resource, 0.0, self._shut[resource], np.array([resource]))
            bound = self.bound()
            is_done = bound > best * (1 - ENOUGH)
            if bound < best:
                best, best_prices = bound, self.prices.copy()
            if is_done:
                break
        self.prices = best_prices
        self._recount()

    def settle(self) -> None:
        """Raises prices until the choices keep all limits, then lowers them as far as they still do."""
        self._raise_broken()
        for _ in range(SWEEPS):
            before = self.used
            self._lower_all()
            any(self._trade(resource) for resource in self._by_left())  # up to the first that is worth it
            if np.array_equal(self.used, before):
                break

    def _by_left(self) -> list[int]:
        """The resources with a price, first those of which the most is left over."""
        left = [(self.prices[r] * (self._limits[r] - self.used[r]), r) for r in np.flatnonzero(self.prices).tolist()]
        return [r for _, r in sorted(left, reverse=True)]

    def _raise_broken(self) -> None:
        """Raises prices of resources that are overspent, each no further than it must."""
        step = PRECISION * self._shut
        self._recount()
        while len(broken := np.flatnonzero(self.used > self._limits)):
            for resource in broken.tolist():
                # Two resources may throw one student to and fro between them: ever greater steps end that.
                low = min(self.prices[resource] + step[resource], self._shut[resource])
                step[resource] *= 2
                self._set_lowest(resource, low, self._shut[resource], np.array([resource]))
            self._recount()

    def _lower_all(self) -> None:
        """Lowers each price while all limits hold."""
        everything = np.arange(len(self._limits))
        for resource in self._by_left():
            self._set_lowest(resource, 0.0, self.prices[resource], everything)
            self._centre(resource)
        self._raise_broken()  # sums that went up and down, and nets that are equal, may have lost a last digit

    def _trade(self, resource: int) -> bool:
        """Lowers a price that other limits hold up, raises theirs instead, and keeps that where it is worth more."""
        prices, used = self.prices.copy(), self.used
        self._set_lowest(resource, 0.0, prices[resource], np.array([resource]))
        if not np.array_equal(self.used, used):
            self._centre(resource)
            self._raise_broken()
            self._lower_all()
            if self.value(self.prices) > self.value(prices):
                return True
        self.prices, self.used = prices, used
        return False

    def _centre(self, resource: int) -> None:
        """Moves a price to the middle of those between which nobody chooses otherwise.

        At the edge a last digit would let the next in line in, and of many resources at once as soon as a price that
        they share moves.
        """
        now = self.prices[resource]
        if now > 0:
            rows = self._rows.of(self._rows.users[resource])
            taken, most = rows.best(self.prices)
            use = np.where(rows.resource == resource, rows.amount, 0).sum(axis=0)
            less = np.repeat(use[rows.start + taken], rows.count) - use
            behind = np.repeat(most, rows.count) - rows.net(self.prices)
            room = (behind[less > 0] / less[less > 0]).min(initial=self._shut[resource] - now)
            self.prices[resource] = now + max(room, 0.0) / 2

    def _set_lowest(self, resource: int, low: float, high: float, watched: np.ndarray) -> None:
        """Sets one price to the lowest in [low, high] at which the limits of the `watched` hold, as they do at `high`.

        A student who chooses the same at both ends chooses it in between (the best net is convex in a price), so that
        the search goes on with ever fewer students.
        """
        rows = self._rows.of(self._rows.users[resource])
        rest = self.used - rows.used(rows.best(self.prices)[0])
        prices = self.prices.copy()

        def at(amount: float) -> tuple[np.ndarray, np.ndarray, bool]:
            prices[resource] = amount
            taken, _ = rows.best(prices)
            used = rest + rows.used(taken)
            return taken, used, bool((used[watched] <= self._limits[watched]).all())

        at_low, used, is_kept = at(low)
        if is_kept:
            high = low
        else:
            at_high, used, _ = at(high)
        while high - low > PRECISION * max(high, PRECISION):
            moving = np.flatnonzero(at_low != at_high)
            if 2 * len(moving) < len(rows.start):
                rest = used - rows.of(moving).used(at_high[moving])
                rows, at_low, at_high = rows.of(moving), at_low[moving], at_high[moving]
            middle = (low + high) / 2
            at_middle, used_middle, is_kept = at(middle)
            if is_kept:
                high, at_high, used = middle, at_middle, used_middle
            else:
                low, at_low = middle, at_middle
        self.prices[resource], self.used = high, used
