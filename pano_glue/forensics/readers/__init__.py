"""Logs of every kind, made into one relation; one file per kind.

Clean files are read by the engine itself, with all cores. A file that turns out not to be clean is
read again by `damaged`, line by line, which writes what is whole to a clean file and counts the
rest.
"""
