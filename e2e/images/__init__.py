"""Container images: ours and those that a machine without a public registry must make itself."""
