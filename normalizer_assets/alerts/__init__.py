"""What needs a person's hand, and telling the right ones once."""
