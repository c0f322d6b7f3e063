"""Answers: reading what models return, the basic rules, evidence and verdicts."""
