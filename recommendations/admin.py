"""A casino's data in the admin, for looking: the casino that the switcher chose."""
