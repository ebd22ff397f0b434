"""First policies for code bases that have none, and what a policy leaves open."""
