"""Apache Kafka itself, one broker on loopback, without containers: to try things out on, and to test against."""
