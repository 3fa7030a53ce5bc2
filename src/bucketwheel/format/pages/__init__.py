"""Pages: views of the manifests. Each can be deleted and rendered again to the same bytes."""
