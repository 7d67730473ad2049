"""The HTTP endpoints that take messages: events, users and coupons, beside Kafka."""
