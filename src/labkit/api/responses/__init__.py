"""OpenAI's Responses: items in, items out, and a store of those that were answered."""
