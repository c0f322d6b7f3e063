"""Brings the scene in, for what shows in whole runs only."""

from normalizer_assets_tests.scene import scene

__all__ = ["scene"]
