"""The papers' tables as data, measured with what is at hand, and set beside what was printed."""
