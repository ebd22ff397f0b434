"""Looks at live servers: a PostgreSQL against the tenancy policy, a Redis for keys without a tenant. Reads only, unless asked."""
