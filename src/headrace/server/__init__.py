"""HTTP in: routes, who is asking, errors, and the page."""
