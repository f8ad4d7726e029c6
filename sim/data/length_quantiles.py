"""Quantiles 0, 5, … 100 percent of the tokens of a chat service. Written by derive_lengths.py.

Source: Azure LLM inference trace 2023, conversation, CC-BY-4.0. Changed: quantiles alone are kept
(Patel et al., "Splitwise: Efficient generative LLM inference using phase splitting", ISCA 2024).
"""

PROMPT_TOKENS = (
    2,
    181,
    207,
    372,
    387,
    396,
    403,
    414,
    703,
    984,
    1_020,
    1_045,
    1_071,
    1_097,
    1_130,
    1_189,
    1_315,
    1_876,
    2_734,
    4_083,
    14_050,
)
ANSWER_TOKENS = (
    7,
    41,
    54,
    67,
    77,
    85,
    91,
    96,
    103,
    113,
    129,
    151,
    177,
    217,
    384,
    395,
    400,
    411,
    424,
    451,
    1_000,
)
