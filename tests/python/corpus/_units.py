"""A helper module of the user's, which functions of the corpus import."""

import math
from enum import Enum

RATES = {"m": 1.0, "km": 1000.0, "mi": 1609.344}
_cache = {}


class UnitError(ValueError):
    def __init__(self, unit):
        super().__init__(f"unknown unit {unit!r}")
        self.unit = unit


class System(Enum):
    METRIC = "metric"
    IMPERIAL = "imperial"


class Length:
    def __init__(self, value, unit="m"):
        self.metres = value * rate(unit)

    def to(self, unit):
        return self.metres / rate(unit)

    def __eq__(self, other):
        return math.isclose(self.metres, other.metres)

    __hash__ = None


def rate(unit):
    if unit not in _cache:
        try:
            _cache[unit] = RATES[unit]
        except KeyError:
            raise UnitError(unit) from None
    return _cache[unit]


def system_of(unit):
    return System.IMPERIAL if unit == "mi" else System.METRIC
