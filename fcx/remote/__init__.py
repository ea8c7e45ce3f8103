"""What runs in the container or on the laptop alike: standard library only, nothing of fcx."""
