"""An index made from a plain list: its lines, its pages, and what it remembers of itself. All of it is pure."""
