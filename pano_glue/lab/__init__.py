"""A network of our own: namespaces, resolvers and load whose true numbers dnsperf tells."""
