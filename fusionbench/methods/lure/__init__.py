"""LURE: restoration knowledge in one latent space, steered by text, and a fusion rule learned in that space."""
