"""Forms corrected from the image (D 5.8, 10.3)."""
