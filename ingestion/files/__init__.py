"""Importing messages from files: readers of the formats, the import, and its report of rejected messages.

Memory is bounded: files are read as streams.
"""
