"""What starts runs: jobs, the nightly schedule, the collecting sensor."""
