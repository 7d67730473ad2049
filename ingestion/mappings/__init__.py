"""Mappings: files that define how a feed's documents become messages of this service.

`tree` reads the file with its lines, `parse` checks it, `apply` turns a document (`documents`: JSON, XML, CSV) into
messages, `reading` decodes these like any other messages. `shipped` has the mappings of known feeds.
"""
