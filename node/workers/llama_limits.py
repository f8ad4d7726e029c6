"""What the embedded model's worker and the core agree on."""

MODEL_NAME = "smollm2-135m"
CONTEXT_TOKENS = 4096  # of each slot
SLOTS = 2
CREDIT_DELTAS = 256  # deltas of one answer that the core has not acknowledged; its buffer is as large
