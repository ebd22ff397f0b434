"""Watches the statements that a running project sends to its database, and tells those on tenants' tables that no tenant holds."""
