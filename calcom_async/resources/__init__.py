"""The nouns of the API, a module each; reached as attributes of `Calcom`."""
