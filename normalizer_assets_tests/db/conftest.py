"""A schema revision that does not exist yet, for tests of being behind."""

import shutil
from pathlib import Path

import pytest

from normalizer_assets.db import migration

LATER = """
from alembic import op

revision = "9999"
down_revision = "{head}"


def upgrade() -> None:
    op.execute("create table normalizer.later (x integer)")


def downgrade() -> None:
    op.execute("drop table normalizer.later")
"""


@pytest.fixture
def later_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Adds a revision after the newest one; every schema that exists is then outdated."""
    head = migration.head_revision()
    folder = tmp_path / "migrations"
    shutil.copytree(migration.MIGRATIONS, folder)
    (folder / "versions" / "9999_later.py").write_text(LATER.format(head=head))
    monkeypatch.setattr(migration, "MIGRATIONS", folder)
    return "9999"
