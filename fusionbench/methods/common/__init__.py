"""What several methods share: colour, padding, tiles, filters, pyramids, and commands of others."""
