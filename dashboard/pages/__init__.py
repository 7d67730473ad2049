"""The dashboard's views, one module a page; `base` has the shared parts."""
