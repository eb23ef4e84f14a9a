"""One federated round: ask a cohort, wait for enough of it, add up. An edge may be client above and server below."""
