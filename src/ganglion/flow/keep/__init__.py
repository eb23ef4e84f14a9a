"""An edge keeps what its site's devices show it, under its tier, to learn from."""
