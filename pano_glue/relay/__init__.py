"""`pano-bridge relay`: any source into Kafka, nothing committed before Kafka has it."""
