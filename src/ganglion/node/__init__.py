"""A node: drives flows over ports, knows who carries out what, and which flows each place runs."""
