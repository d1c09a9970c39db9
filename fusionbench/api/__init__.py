"""The front door in Python: fusing, running, scoring, and lists of what there is."""
