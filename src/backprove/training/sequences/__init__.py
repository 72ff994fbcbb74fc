"""After training: which networks learn what from sequences, and how far their gradients reach."""
