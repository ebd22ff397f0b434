"""Alembic revisions written and read as text; dumps of a live database. Revisions are never executed."""
