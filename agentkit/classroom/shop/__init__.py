"""The bookshop that every lesson works on."""
