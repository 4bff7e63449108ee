"""What answers hold, for the OpenAPI document: the routes write them, and the tests hold the two together."""
