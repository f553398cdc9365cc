"""What `deploy/` is made of, and what of it is derived: from the topics, the settings and the imports of the services.

`python -m apoyo.despliegue` writes the derived files, `--check` says which differ (ADR 30).
"""
