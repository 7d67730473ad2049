"""The recommenders, one in each file. `registry` lists them; `base` is their interface."""
