"""Answering a sample: here if sure enough, else farther away, in any case by its deadline."""
