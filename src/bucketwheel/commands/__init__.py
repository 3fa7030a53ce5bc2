"""One verb each, and none imports another: the public API, and what every door calls.

They live apart from the package's top so that `bucketwheel.publish` is the verb and never the module of its name.
"""
