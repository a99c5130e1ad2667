"""A language model behind a server says which of two answers is better, and what that is worth stands beside what it says.

figures   pure numbers: win rate, flips with the order, control for length, agreement and whether it is above chance
sides     whose answers: base, adapter, a registered version, right and planted wrong ones; labels by people
asking    the question, in both orders, and what is taken for an answer
trial     the stage: all pairs judged, as a product
"""
