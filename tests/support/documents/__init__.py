"""The pages of docs/ as stories: what a reader would save and type, in the order of the page."""
