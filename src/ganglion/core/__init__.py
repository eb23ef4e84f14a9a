"""The nouns, the vocabulary of processes and the ports. Knows numpy (and msgspec, for the one codec) and nothing else."""
