"""From sources to /metrics: counting, serving, and committing what was scraped."""
