"""Hard samples on their way to where they can be of use: accepted once, delivered once."""
