"""Publish Python distributions to an index that is nothing but objects in S3, or files in a directory."""
