"""Training: from a recipe to weights, phase by phase, resumable at any step."""
