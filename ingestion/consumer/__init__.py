"""Consuming a topic: the loop, its consumer group, its limit of rejections, and its HTTP server for probes."""
