"""Training of networks: batches, loss, schedule, average, state, and the loop over them."""
