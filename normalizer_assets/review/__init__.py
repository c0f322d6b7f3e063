"""What people decide about answers, and what becomes of it."""
