"""What people and programs read: the terminal, JSON, Markdown, HTML, annotations."""
