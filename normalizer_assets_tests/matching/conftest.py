"""Brings the scene in."""

from normalizer_assets_tests.scene import scene, standin, standin_settings, variables

__all__ = ["scene", "standin", "standin_settings", "variables"]
