"""No-reference metrics computed by pyiqa: their table, their files, and a sandbox without network access."""
