"""The loop in one command: train, cut, sign, serve, drift, learn, roll out, roll back; in either world."""
