"""Normalises retailers' product listings with language models, as a Dagster asset graph.

Where things are: ``definitions`` is what Dagster loads; ``assets``, ``checks`` and
``automation`` are thin; the work is in the phase packages (``intake``, ``grammar``,
``routing``, ``prompting``, ``batching``, ``answers``, ``cache``, ``pricing``), which know
nothing of Dagster.
"""
