"""Facts of files and the project index over them. Text in, facts out: nothing of the checked project is imported."""
