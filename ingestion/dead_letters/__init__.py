"""Dead letters: rejected messages in their casino's database, and those without a known casino in the catalogue.

- `write` stores them, within the `bounds` of each casino, except those of users erased since (`users`).
- `export` returns a user's dead letters, for the export of the user's data.
- `tables` selects dead letters in both tables; `content` restores the message of a stored one.
- `listing` lists and shows them, `preview` shows the results of a replay, `replay` sends them to their topics again,
  `purge` closes them for good and deletes old ones.
- `import_topics` imports the topics in which earlier releases had them, which `topic_letters` reads.
"""
