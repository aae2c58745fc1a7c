"""What the programs of pyperformance use of `pyperf` while they run: its clock.

It stands in for the package, which itself need not travel with a program.
"""

from time import perf_counter

__all__ = ["perf_counter"]
