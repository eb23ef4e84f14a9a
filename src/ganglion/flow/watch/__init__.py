"""A device watches its own confidence, and says so when its world has changed."""
