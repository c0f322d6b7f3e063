"""Scorers and benchmarks behind `normalizer eval` and `normalizer bench`."""
