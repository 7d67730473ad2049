"""The HTTP endpoints for messages, besides Kafka: events, users, coupons, odds and impressions."""
