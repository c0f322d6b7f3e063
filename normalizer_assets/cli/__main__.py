"""`python -m normalizer_assets.cli`: the command line without its script."""

from normalizer_assets.cli import main

main()
