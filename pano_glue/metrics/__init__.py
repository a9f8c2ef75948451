"""Bounded counters, histograms and sketches, and their text for Prometheus."""
