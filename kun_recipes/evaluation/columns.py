"""Names of what a record holds: a JSON line per question, and one per held-out pair."""

# a question, whose id and stem are the row's id and text
BENCHMARK = "benchmark"
SUBJECT = "subject"
GROUPS = "groups"
GOLD = "gold"
OVERLAPS = "overlaps"  # whether a training row quotes the question

# each mode also has <mode>_shots, those that fitted, and <mode>_prompt, the prompt's hash
PPL_PREDICTION = "ppl_prediction"
PPL_PROBABILITIES = "ppl_probabilities"
PPL_FULL_PREDICTION = "ppl-full_prediction"
PPL_FULL_LOSSES = "ppl-full_losses"  # mean over the whole prompt's tokens, nats
GEN_TEXT = "gen_text"
GEN_FINISH = "gen_finish_reason"
GEN_STRICT = "gen_strict"  # the first capital letter; may be none of A to D
GEN_LENIENT = "gen_lenient"  # as a person reads; "" for no answer or several

# a held-out pair, whose instruction is the row's text
REFERENCE = "reference"
REFERENCE_LOGPROB = "reference_logprob"  # mean log-probability of the reference answer per token, nats
ANSWER = "answer"
ANSWER_TOKENS = "answer_tokens"
ANSWER_FINISH = "answer_finish_reason"
REFUSAL = "refusal"  # the words by which the model refused; "" where it did not
