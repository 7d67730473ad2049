"""Our recommenders compared with those of other projects, on choices among things that expire: `make
benchmark-quality`."""
