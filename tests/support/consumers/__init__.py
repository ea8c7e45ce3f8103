"""Other people's packages on an executor. Workers import this with each: so nothing stands here."""
