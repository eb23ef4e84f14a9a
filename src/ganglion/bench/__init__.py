"""Benches: one file per name, each a `run(quick, seed)` that returns its rows and whether its bars hold."""
