"""What curves do, measured without regard to their units."""
