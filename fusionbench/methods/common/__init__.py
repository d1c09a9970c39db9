"""What several methods share: colour, padding, tiles, filters, pyramids, and external commands."""
