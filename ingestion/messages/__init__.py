"""Messages: their formats, decoding and validation, and the codes of rejections."""
