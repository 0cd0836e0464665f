"""What a process tells of itself to those who run it: numbers for Prometheus, spans for OpenTelemetry, lines of log.

Any room may note something here; nothing of ours is known here.
"""
