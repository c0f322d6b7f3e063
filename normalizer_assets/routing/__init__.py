"""Canonical keys, complexity factors, routes."""
