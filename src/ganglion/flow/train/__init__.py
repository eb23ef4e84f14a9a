"""A whole federated job: rounds until a target, a number of rounds or a stop; or without rounds, update by update."""
