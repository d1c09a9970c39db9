"""The public functions: fusing, running, scoring and listing."""
