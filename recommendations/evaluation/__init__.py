"""How good each recommender is: replay of history, by the code that serves."""
