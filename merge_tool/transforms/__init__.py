"""The fork's systematic changes: declared in the policy, made on base and theirs before a merge, and learnt from a fork."""
