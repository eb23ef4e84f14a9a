"""A model cut over places in a row, each a process: tensors go up as they are made, results come down."""
