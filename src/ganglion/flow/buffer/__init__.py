"""A federated job without rounds: a number of clients always learn, and every few updates the weights move on."""
