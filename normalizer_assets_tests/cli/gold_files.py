"""Gold files with answers, made up for commands that read one.

Belongs here: what several tests of commands write. Does not belong here: any check.
"""

import json
from pathlib import Path
from typing import Any


def write_gold(file: Path, count: int = 40, **of_answers: Any) -> Path:
    """Writes phones, each with a right answer and one of another model.

    Args:
        file: Where to.
        count: How many phones; each is a family of its own.
        of_answers: Further keys of every answer.
    """
    lines = []
    for number in range(10, 10 + count):
        label = {
            "brand": "SAMSUNG",
            "model": f"Galaxy A{number}",
            "attributes": {"capacity": "128GB", "color": "negro"},
        }
        lines.append(
            {
                "name": f"Samsung Galaxy A{number} 128GB Negro",
                "category": "Celulares",
                "price": 199_990,
                "sku": f"S{number}",
                "family": f"samsung galaxy a{number}",
                "gold": label,
                "answers": [
                    {"answer": label, "kind": "right"} | of_answers,
                    {"answer": label | {"model": f"Redmi {number}"}, "kind": "other"} | of_answers,
                ],
            }
        )
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    return file
