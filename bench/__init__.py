"""Figures of this machine, side by side in one run: `make bench`. Never a test."""
