"""What to run, and running it: inputs, fused images, scores, and what a run leaves on disk."""
