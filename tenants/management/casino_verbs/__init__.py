"""The verbs of `manage.py casino`: one file per verb or pair of verbs."""
