"""The papers' tables as data, measured as far as possible, and compared with the published values."""
