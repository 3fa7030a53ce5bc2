"""Signatures of distributions, made and verified by gpg, and their attestations (PEP 740)."""
