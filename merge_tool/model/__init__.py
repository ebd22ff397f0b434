"""The frozen dataclasses that everything else speaks in. Standard library only."""
