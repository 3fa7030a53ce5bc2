"""What a check judges: a listing and manifests in, findings out. Pure; `bucketwheel.verbs.check` looks and asks."""
