"""Kafka, read and written through either of two libraries.

`client` says what both offer, `kafka_python` and `confluent` are the libraries (each imported in
its own file only), `offsets` is the bookkeeping that makes a crash lose nothing.
"""
