"""The features of `hybrid`, and the parts of its model: user vectors and decision trees."""
