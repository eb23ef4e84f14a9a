"""World 2: real processes over a real network; the ports on clocks, sockets, files and keys."""
