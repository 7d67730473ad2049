"""Backs up and restores a whole installation: the catalogue, and every casino's database."""
