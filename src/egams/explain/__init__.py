"""What in the data speaks for an answer: ions, peaks, and windows of evidence."""
