"""A small detector of flowers, trained to compare losses; everything here but scenes needs PyTorch."""
