"""`normalizer demo`, as a newcomer types it: no key, no server, nothing but a data folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from normalizer_assets.db.embedded import server_folder, stop_server


@pytest.mark.slow
def test_the_demo_publishes_every_partition(tmp_path: Path) -> None:
    data = tmp_path / "data"
    environment = {
        "PATH": os.environ["PATH"],
        "NORMALIZER__PATHS__DATA": str(data),
        "NORMALIZER_STORAGE": str(data / "storage"),
    }
    try:
        result = subprocess.run(
            [sys.executable, "-m", "normalizer_assets.cli", "demo"],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
    finally:
        stop_server(data)
        folder = server_folder(data)
        if not folder.is_relative_to(tmp_path):  # as root, for a private folder
            shutil.rmtree(folder.parent)
    assert result.returncode == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if "2024-10-0" in line and "│" in line]
    assert len(lines) == 6
    assert all("published" in line for line in lines)
    assert "6 times a product is in several shops" in result.stdout
    assert "say nothing about a language model's accuracy" in result.stdout
    settings = (data / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8")
    url = yaml.safe_load(settings)["storage"]["postgres"]["postgres_url"]
    assert url.startswith("postgresql+psycopg2://")
