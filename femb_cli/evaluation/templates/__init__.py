"""Verification of templates (several images of one person), as on IJB-B and IJB-C."""
