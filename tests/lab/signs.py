"""Tells whether what was measured on a machine that has other work to do may be as it is by chance."""

from collections.abc import Iterable
from math import comb

BY_CHANCE = 0.05


def is_open(ratios: Iterable[float], bound: float) -> bool:
    """Whether chance alone may have put most of these on the side of a bound that they are on.

    :param ratios: each from measurements made one right after the other
    :returns: by the sign test, one-sided, at five in a hundred
    """
    above = [one > bound for one in ratios]
    fewer = min(above.count(True), above.count(False))
    return sum(comb(len(above), number) for number in range(fewer + 1)) > BY_CHANCE * 2 ** len(above)
