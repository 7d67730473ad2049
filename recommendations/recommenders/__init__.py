"""The recommenders, one a file; `registry` lists them, `base` is their interface."""
