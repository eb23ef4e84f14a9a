"""The classifier of the roll-out benches as a project, for processes: the same numbers, in torch."""
