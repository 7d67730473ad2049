"""Compares our recommenders with those of other projects, for choices among items that expire: `make
benchmark-quality`."""
