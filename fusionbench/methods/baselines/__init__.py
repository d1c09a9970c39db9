"""Methods to compare with: classical ones, networks with their authors' weights, and external programs."""
