"""The offline Claude: a Messages API on loopback, so that no lesson needs a key."""
