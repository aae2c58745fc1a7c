"""How a benchmark's numbers are printed and kept."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One contender in one benchmark."""

    name: str
    value: float
    unit: str
    detail: str = ""


@dataclass
class Table:
    """One benchmark: ours first, then its peers, all measured in this run."""

    title: str
    rows: list[Row]
    higher_is_better: bool
    must: float | None = None
    aim: float | None = None

    def render(self) -> str:
        """Text for a terminal of 80 columns; `ours` is how many times better our first row is."""
        base = self.rows[0]
        lines = [self.title, "-" * len(self.title)]
        width = max(len(row.name) for row in self.rows)
        for row in self.rows:
            if row is base or row.unit != base.unit or not row.value or not base.value:
                ratio = ""
            else:
                factor = base.value / row.value if self.higher_is_better else row.value / base.value
                ratio = f"ours: {factor:.3g}x"
            number = f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:.3g}"
            lines.append(
                f"{row.name:<{width}}  {number:>11} {row.unit:<9} {ratio:<13} {row.detail}"
            )
        if self.must is not None:
            met = base.value >= self.must if self.higher_is_better else base.value <= self.must
            verdict = "met" if met else "MISSED"
            lines.append(f"must {self.must:,.6g}, aim {self.aim:,.6g} {base.unit}: must {verdict}")
        return "\n".join(line.rstrip() for line in lines)


def machine() -> dict[str, object]:
    """What a reader must know to compare these numbers with others."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "commit": commit,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
    }


def keep(name: str, tables: list[Table]) -> None:
    """Prints the tables and writes them to `results/<name>.json`."""
    for table in tables:
        print(table.render(), end="\n\n", flush=True)
    RESULTS.mkdir(exist_ok=True)
    record = {"machine": machine(), "tables": [asdict(table) for table in tables]}
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")


def note(text: str) -> None:
    """Progress, apart from the results."""
    print(text, file=sys.stderr, flush=True)
