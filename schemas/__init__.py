"""The published language: events, envelope, package format and lifecycle. It imports nothing of ours."""
