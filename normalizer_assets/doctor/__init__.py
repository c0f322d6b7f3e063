"""What `normalizer doctor` looks at: one function a check, and one that asks them all."""
