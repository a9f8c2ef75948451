"""The live page at `/`: the last fifteen minutes, kept in memory, drawn by the browser."""
