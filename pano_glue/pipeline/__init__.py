"""The whole pipeline on one host: start every stage, watch it, stop it in data-flow order."""
