"""Processes as state machines: event in, commands out. They know `core` alone; no clock, socket, thread or tensor."""
