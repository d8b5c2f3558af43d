"""Where samples come from: readers of segments and of Kafka behind one protocol."""
