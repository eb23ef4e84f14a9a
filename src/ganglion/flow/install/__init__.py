"""A node takes a release: fetch, verify, try, switch, stand by to go back. Two slots are kept."""
