"""The crash campaign: SIGKILLs at every kind of point of every recipe. See ../README.md."""
