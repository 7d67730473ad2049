"""One request: load its data, let a recommender score the offer, fill a slip, apply the casino's schema."""
