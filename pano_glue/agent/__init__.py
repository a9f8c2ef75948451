"""CAPTURE: clones DNS packets in the kernel to a mirror interface."""
