"""From the current casino (`context`) to its database (`router`) and connection (`connections`)."""
