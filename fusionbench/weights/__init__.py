"""Weight files: what is known of each, where it lies, whether it is the one it says, and reading it."""
