"""Brings the scripted API in."""

from normalizer_assets_tests.batching.conftest import api, scripted_work

__all__ = ["api", "scripted_work"]
