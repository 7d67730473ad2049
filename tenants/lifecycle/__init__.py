"""A casino's life, one service a file: create, suspend, clone, back up, restore, move, delete, and the doctor.

Each holds the casino's lock while it works, each can be called again after a crash at any point, and each says what it
does by calling `report` before every step.
"""
