"""What is wrong with what is, or is to be, published."""
