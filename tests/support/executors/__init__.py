"""What the tests of the executor share: sites, executors, deadlines."""
