"""The figures of a benchmark, in the shape that `normalizer bench` prints.

Belongs here: what all benchmarks say. Does not belong here: measuring (``bench``,
``cache_bench``).
"""

import resource
from typing import Any


def result(name: str, rows: int, seconds: float, **figures: Any) -> dict[str, Any]:
    """Returns what was measured: name, rows, seconds, rows_per_second, peak_mb, and more."""
    return {
        "name": name,
        "rows": rows,
        "seconds": round(seconds, 3),
        "rows_per_second": round(rows / seconds, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        **figures,
    }
