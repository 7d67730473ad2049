"""The control plane: which casinos exist, where their databases are, and which casino a request may use."""
