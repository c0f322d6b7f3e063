"""What is already known: the exact tier, and the embeddings of accepted answers."""
