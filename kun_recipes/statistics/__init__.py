"""Statistics of instruction data: what Kun §4.2.1 shows of its pairs, measured alike for any set of pairs."""
