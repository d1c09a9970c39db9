"""The command line: one module per verb, whose signatures become options."""
