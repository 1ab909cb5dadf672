"""Samples as people read them: a middle, a spread, and how much better one set is than another."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """What many measurements of one thing say.

    Attributes:
        median: The middle one.
        low: The 5th percentile; the least of fewer than twenty.
        high: The 95th percentile; the greatest of fewer than twenty.
        count: How many there were.
    """

    median: float
    low: float
    high: float
    count: int

    def text(self, unit: str = "", digits: int = 1) -> str:
        """Write it as "1.6 s (1.5 to 1.8, n = 20)".

        Args:
            unit: Comes after the median.
            digits: After the point.
        """
        low, high = (f"{each:,.{digits}f}" for each in (self.low, self.high))
        middle = f"{self.median:,.{digits}f} {unit}".rstrip()
        return f"{middle} ({low} to {high}, n = {self.count})" if self.count > 1 else middle


def spread(samples: Sequence[float]) -> Spread:
    """Sum samples up.

    Args:
        samples: At least one.

    Raises:
        ValueError: There are none.
    """
    if not samples:
        raise ValueError("There is nothing to sum up: no sample was taken.")
    few = len(samples) < 20
    return Spread(
        median=statistics.median(samples),
        low=min(samples) if few else percentile(samples, 5),
        high=max(samples) if few else percentile(samples, 95),
        count=len(samples),
    )


def percentile(samples: Sequence[float], percent: float) -> float:
    """Find the value that this percentage of samples doesn't exceed, between two if need be.

    Args:
        samples: At least one.
        percent: From 0 to 100.
    """
    ordered = sorted(samples)
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def gain(worse: Spread, better: Spread) -> str:
    """Say how many times less the second is; under 1 it is more.

    Args:
        worse: What is expected to be greater.
        better: What is expected to be less.

    Returns:
        Such as "20 (18 to 21)": the ratio of the medians, and what it would be if chance had
        favoured the one or the other.
    """
    middle, least, most = (
        worse.median / better.median,
        worse.low / better.high,
        worse.high / better.low,
    )
    if worse.count == better.count == 1:
        return _short(middle)
    return f"{_short(middle)} ({_short(least)} to {_short(most)})"


def _short(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}" if ratio >= 2 else f"{ratio:.2f}"
