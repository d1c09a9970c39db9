"""LURE: restoration in one latent space, guided by text, and a fusion rule learned in that space."""
