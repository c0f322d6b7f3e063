"""How much was saved.

Belongs here: comparing two costs. Does not belong here: costs of a response (costs.py), of
planned requests (estimates.py), ways of asking (batching/scenarios.py).
"""

from decimal import Decimal


def savings_percent(actual: Decimal, individual: Decimal) -> float:
    """Returns what is saved against the individual cost, in percent.

    Negative where the actual cost is higher; 0 where there is nothing to compare with.
    """
    return float(100 * (1 - actual / individual)) if individual else 0.0
