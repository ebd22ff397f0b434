"""A first plan for any fork: upstream found, its changed files ordered by layer and import, stories of a readable size."""
