"""merge-tool: a multi-tenant fork keeps taking from its single-tenant upstream, and no tenant sees another's data."""

__version__ = "0.1.0"
