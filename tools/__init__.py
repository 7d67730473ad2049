"""Programs for developers of this project. None of them is part of the service."""
