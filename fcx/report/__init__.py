"""From what a run noted of itself to a document (pure): lines -> report -> page, crate."""
