"""What must be answered for later is written into a log in which nothing can be changed unseen."""
