"""Bound what messages cost the one who reads them."""
