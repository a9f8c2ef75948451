"""PANO: what DNS really does, from packets to Prometheus."""

__version__ = "0.1.0"
