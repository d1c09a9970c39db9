"""Weights of methods and scores, listed and fetched; trained methods given away as folders with a card."""
