"""Models that come with Tandem, and the protocol that a user's own has to fit."""
