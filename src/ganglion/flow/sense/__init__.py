"""A device's sensor: samples come in at a rate."""
