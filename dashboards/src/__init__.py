"""What is generated in this folder's parent: boards for Grafana and rules for Kubernetes."""
