"""From a sentence to LURE's tasks: keywords, rules, a classifier and text encoders."""
