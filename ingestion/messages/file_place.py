"""A message's place in its file."""

import msgspec


class FilePlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """The line of the file, with the item's number if a line may have several; the number of the `message` where lines
    tell none, as in a document in JSON. All count from 1; 0 where it does not apply."""

    line: int = 0
    item: int = 0
    message: int = 0

    def __str__(self) -> str:
        if not self.line:
            return f"message {self.message}"
        return f"line {self.line}, item {self.item}" if self.item else f"line {self.line}"
