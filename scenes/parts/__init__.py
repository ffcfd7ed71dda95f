"""Drawings that belong to one topic: racks of maps, ribbons, matrices of entries, tables that grow."""
