"""Base classes of casinos' models, which reject rows of another casino."""
