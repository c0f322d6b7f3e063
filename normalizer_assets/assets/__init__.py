"""The six assets, one a file: read, call a phase, write, report."""
