"""The subcommands that are large enough for a file of their own; `cli` registers them."""
