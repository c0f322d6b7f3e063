"""From questions to batches and back: shards, submission, polling, harvest, the ledger."""
