"""Runs one function for many casinos, in this process or in several; a process that crashes fails its own task only.

No module here imports models: a worker process imports it before `django.setup()`.
"""
