"""A release goes out ring by ring, judged per site, or comes back."""
