"""What is published of rows: columns, Parquet shards, and a manifest by which a copy is known."""
