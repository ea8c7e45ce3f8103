"""What people write, tried as call, argument and result between two processes."""
