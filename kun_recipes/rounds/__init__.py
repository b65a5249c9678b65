"""Rounds of the chain held against each other: did training on the pairs of one round make the next one better?"""
