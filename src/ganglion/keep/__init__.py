"""What to keep of a stream: `select` scores how much a sample is worth, `buffer` holds a bounded choice of them."""
