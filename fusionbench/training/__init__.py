"""From a recipe to weights: every phase of a method in order, resumable in the middle."""
