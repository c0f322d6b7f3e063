"""What asking costs: prices of responses, estimates, savings."""
