"""Keys of a live Redis: which hold no tenant, and how old ones get their new names."""
