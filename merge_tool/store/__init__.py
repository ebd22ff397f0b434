"""The tool's own state: SQLite in the git directory, or a PostgreSQL that a team shares.

Reading costs no import of SQLAlchemy on SQLite, so that `status` answers at once; the first write imports it.
`merge_tool.store.open.open_store` is the way in.
"""
