"""What request bodies may hold: each known field is honoured or refused, none is ignored in silence."""
