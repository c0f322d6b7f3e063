"""What landed, read and routed before anything is asked.

Belongs here: what commands need that say a price first. Does not belong here: the price.
"""

from typing import TYPE_CHECKING

import click

from normalizer_assets.batching.partition import Partition
from normalizer_assets.config import NormalizerConfig

if TYPE_CHECKING:
    import polars as pl


def routed_listings(
    config: NormalizerConfig, partition: Partition, limit: int | None = None
) -> "pl.DataFrame":
    """Reads a landed partition and routes its listings by their own complexity.

    Raises:
        click.ClickException: Nothing has landed, or it cannot be taken in.
    """
    from normalizer_assets.intake.errors import IntakeError
    from normalizer_assets.intake.landing import not_landed
    from normalizer_assets.intake.partition import take_in
    from normalizer_assets.routing.routing import route_listings

    try:
        taken = take_in(config, partition.retailer, partition.day, limit=limit)
    except IntakeError as error:
        raise click.ClickException(str(error)) from None
    if taken is None:
        raise click.ClickException(not_landed(config, partition.day, partition.retailer))
    return route_listings(taken.intake.listings, config)
