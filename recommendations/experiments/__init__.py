"""Experiments: users are assigned to variants at random, and the variants compared."""
