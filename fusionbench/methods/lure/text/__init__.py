"""From a sentence to the tasks that LURE is asked for: keywords, rules, and encoders of text."""
