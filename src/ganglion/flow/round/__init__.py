"""One federated round: ask a cohort, wait for enough of it, add up. Between, an edge is client above, server below."""
