"""Weight files: their cards, where they are, downloading, verifying and reading them."""
