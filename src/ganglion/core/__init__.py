"""The nouns, the vocabulary of processes and the ports. Knows numpy, and msgspec and safetensors for bytes, no more."""
