"""Three-way merge of one file: lines first, then what the syntax of Python allows to decide."""
