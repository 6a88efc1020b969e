"""The ordered rules: readable in `networks`, `actions` and `mapping`; fast, and made from those, in `compiler`."""
