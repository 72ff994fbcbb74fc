"""During training: a watcher that reads what a PyTorch module does and changes nothing."""
