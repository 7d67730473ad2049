"""The dashboard's views, one module for each page; `base` has the shared parts."""
