"""The same product across shops: its prices on a day, and of what they were compared."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SCHEMA = "normalizer"

_VIEW = """
create view normalizer.price_comparison as
select day, product_id, ean, brand, model, normalized_name, category_group, shops,
       cheapest_retailer, min_price, max_price, spread, spread_percent, prices
from normalizer.price_comparisons
where shops > 1
"""


def upgrade() -> None:
    """Applies the change; the sensor compares the days that are published already."""
    op.create_table(
        "price_comparisons",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("product_id", sa.Text(), primary_key=True),
        sa.Column("ean", sa.Text()),
        sa.Column("brand", sa.Text()),
        sa.Column("model", sa.Text()),
        sa.Column("normalized_name", sa.Text(), nullable=False),
        sa.Column("category_group", sa.Text(), nullable=False),
        sa.Column("shops", sa.Integer(), nullable=False),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("cheapest_retailer", sa.Text(), nullable=False),
        sa.Column("min_price", sa.BigInteger(), nullable=False),
        sa.Column("max_price", sa.BigInteger(), nullable=False),
        sa.Column("spread", sa.BigInteger(), nullable=False),
        sa.Column("spread_percent", sa.Double(), nullable=False),
        sa.Column("prices", JSONB(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column(
            "compared_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
        ),
        schema=SCHEMA,
    )
    op.create_index(
        "price_comparisons_by_product", "price_comparisons", ["product_id", "day"], schema=SCHEMA
    )
    op.create_table(
        "price_offers",
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("retailer", sa.Text(), primary_key=True),
        sa.Column("sku", sa.Text(), primary_key=True),
        sa.Column("product_id", sa.Text(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["day", "product_id"],
            ["normalizer.price_comparisons.day", "normalizer.price_comparisons.product_id"],
        ),
        schema=SCHEMA,
    )
    op.create_index("price_offers_by_product", "price_offers", ["day", "product_id"], schema=SCHEMA)
    op.create_table(
        "compared_partitions",
        sa.Column("retailer", sa.Text(), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        sa.Column("version", sa.Integer(), nullable=False),
        schema=SCHEMA,
    )
    op.execute(_VIEW)


def downgrade() -> None:
    """Takes the change back; comparisons can be made anew from the products."""
    op.execute("drop view normalizer.price_comparison")
    for table in ("compared_partitions", "price_offers", "price_comparisons"):
        op.drop_table(table, schema=SCHEMA)
