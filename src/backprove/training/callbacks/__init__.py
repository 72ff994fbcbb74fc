"""The watcher in other people's training loops: Lightning and Hugging Face's `Trainer`."""
