"""Tests with two tenants, generated for the routes and query functions of a project; they fail if one sees the other's rows."""
