"""The gates: asset checks that decide whether a partition is published."""
