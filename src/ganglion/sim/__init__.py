"""World 1: the node's own code on a virtual clock, over seeded links, faults and disks."""
