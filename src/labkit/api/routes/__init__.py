"""One file per resource: read the request, ask the backend, write the answer."""
