"""A client and a DNS server in two network namespaces, and the agent on the server's interface."""
