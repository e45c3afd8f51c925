"""What can be configured (schema), and how YAML and `--set` become a checked configuration."""
