"""Object detection: boxes, how well they overlap, and how well a detector ranks them."""
