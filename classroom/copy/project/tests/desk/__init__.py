"""The recipe as it was built: at the support desk of a bookshop, with a stand-in for Claude.

These tests are about the loop and not about tools.py. Keep them while you have the loop.
"""
