"""The lifecycle of casinos, one service per file; `doctor` finds and repairs the remains of crashes.

Each service holds the casino's lock, can be called again after a crash at any point, and calls `report` before each
step.
"""
