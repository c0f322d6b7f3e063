"""A local OpenAI-compatible server for development without a key.

Belongs here: the HTTP surface that the project uses (files, batches, chat
completions, embeddings, models), refusals in the real API's words, and answers made
by the project's own basic rules with seeded disagreement. Does not belong here: the
client side, and anything that a real key would need. No language model answers here,
and no figure measured against this server says anything about one.
"""
