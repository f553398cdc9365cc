"""The device kit: synthetic population and cards, package writer, client, simulator."""
