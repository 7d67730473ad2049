"""Dead letters: rejected messages in their casino's database, and those without a known casino in the catalogue.

- `write` stores them, up to the `bounds` of each casino, without those of users erased since (`users`).
- `export`: those about a user, for the export of the user's data.
- `tables`: the two tables, and which letters a command is about; `content`: the message of a stored one.
- `listing` lists and shows them, `preview` shows the results of a replay, `replay` sends them to their topics again,
  `purge` closes them for good and deletes old ones.
- `import_topics` takes over the topics in which earlier releases had them, which `topic_letters` reads.
"""
