"""A project of 200 thousand parameters for rounds between real processes; it is loaded as any user's is."""
