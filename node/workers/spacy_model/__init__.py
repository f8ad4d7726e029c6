"""spaCy's small English model, run without spaCy: the same weights, the same entities, a twentieth of the start-up.

What is here does what spaCy 3.8 and thinc 8.3 do with the pipes `tok2vec`, `tagger` and `ner` of en_core_web_sm; a test
compares the two. Nothing of a text outlives the call that reads it.
"""
