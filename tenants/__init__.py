"""The control plane: casinos, their databases and servers, and access to them."""
