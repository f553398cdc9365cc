"""The services. They meet only on topics: none imports another."""
