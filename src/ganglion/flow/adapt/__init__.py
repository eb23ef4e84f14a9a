"""From an alarm to a better model: label, learn on site, protect, offer, and let the fleet improve on it."""
