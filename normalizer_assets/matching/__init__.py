"""The same product across shops, and its prices."""
