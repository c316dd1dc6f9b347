"""What the behaviour tests share: the loops they run on, leak checks, peers and recorders."""
