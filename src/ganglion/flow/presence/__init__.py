"""Who is there, and how each is doing."""
