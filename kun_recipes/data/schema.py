"""The row contract: the name of every column that a stage adds, and who adds it.

Inside a pipeline a row is a datatrove `Document`: `text` is the segment y, `id` a hash of (source, document id, span,
text), and the columns below are keys of `metadata`. Between stages a row is one JSON line. Nothing is overwritten, so
that a threshold can be moved later without asking a model.
"""

# corpus (§3.1): the segment y and where it came from
ID = "id"
TEXT = "text"
SOURCE = "source"  # corpus name; becomes the split of the published dataset
DOCUMENT_ID = "document_id"
TITLE = "title"  # of the document, where the corpus has one
SPAN_START = "span_start"  # character offsets of the segment in its document, once that was normalised
SPAN_END = "span_end"
TOKENS = "tokens"  # of the segment, by the model's tokenizer: estimated, or counted where that is near the budget
MASKED = "masked"  # private data that placeholders stand for, as "email:2 mobile:1"; absent without any
NAMES = "names"  # number of likely personal names, if privacy.yaml counts them; absent if zero
FILE_PATH = "file_path"

# label (§3.2): the candidate instruction, by the label model
INSTRUCTION = "instruction"
INSTRUCTION_TOKENS = "instruction_tokens"
INSTRUCTION_FINISH = "instruction_finish_reason"
INSTRUCTION_LOGPROB = "instruction_logprob"  # mean log p(x|y) per token, nats
INSTRUCTION_PRIOR = "instruction_prior_logprob"  # mean log p(x) per token, nats: the same prompt with an empty output
REFUSED = "refused"  # why a server does not answer the row's prompt
PERPLEXITY = "perplexity"  # exp(-instruction_logprob)
FIT = "fit"  # instruction_logprob - instruction_prior_logprob
LABEL_MODEL = "label_model"  # name and hash of the weights
LABEL_PROMPT = "label_prompt"  # fingerprint of the prompt file
CANDIDATE = "candidate"  # number of a further instruction for the same segment, from 1; absent for the first
ROUND = "round"  # the round that labelled the segment, from 1; absent in a run of one round

# refine (§3.3): verdicts and the polished answer, by the primary chat model. Log-odds are in nats.
FILTER_LOGODDS = "filter_logodds"  # log P(是)/P(否), figure 4
FILTER_CALIBRATED = "filter_logodds_calibrated"  # minus the log-odds of content-free input (Zhao et al. 2021)
FILTER_PROBABILITY = "filter_probability"  # P(是): Platt scaling of the calibrated log-odds on labelled items
SCORE_LOGODDS = "score_logodds"  # log P(好)/P(差), figure 10; of the instruction, or of the pair: score_target
SCORE_CALIBRATED = "score_logodds_calibrated"
SCORE_PROBABILITY = "score_probability"  # P(好), likewise
ANSWER_LOGODDS = "answer_logodds"  # log P(好)/P(差) of the answer, given the segment; absent where it is not judged
ANSWER_CALIBRATED = "answer_logodds_calibrated"
ANSWER_PROBABILITY = "answer_probability"  # P(好) of the answer, likewise
OUTPUT = "output"  # the polished answer; with answers: raw the segment itself, and the next three are absent
OUTPUT_TOKENS = "output_tokens"
OUTPUT_FINISH = "output_finish_reason"
OUTPUT_LOGPROB = "output_logprob"  # mean log-probability per token, nats
OUTPUT_GIVEN = (
    "output_given_segment_logprob"  # mean log p(a|x,y) per token, nats: of the output as it stands in the row
)
OUTPUT_PRIOR = "output_prior_logprob"  # mean log p(a|x) per token, nats: the same without the segment
SUPPORT = "support"  # output_given_segment_logprob - output_prior_logprob
CHAT_MODEL = "chat_model"  # name and hash of the weights
POLISH_PROMPT = "polish_prompt"  # fingerprint of the prompt file; absent with answers: raw
ANSWER_CANDIDATE = "answer_candidate"  # number of a further answer, from 1; absent for the first
RAW_OUTPUT = "raw_output"  # the answer as it was written, where a tail was stripped from it
TAIL = "tail"  # the text stripped: disclaimers and courtesies; absent if there were none
MISSING_DETAILS = "missing_details"  # words of instruction and answer that the segment does not have, a list
REJECTED_OUTPUT = "rejected_output"  # another answer, which verification turned down; absent without one
REJECTED_SUPPORT = "rejected_support"  # its support
REJECTED_PROBABILITY = "rejected_probability"  # P(好) of it, by the judge of answers
REJECTED_REASON = "rejected_reason"  # the check that turned it down

# label and refine, where a model could not be asked
PROMPT_TOKENS = "prompt_tokens"  # of the prompt that leaves the answer no room in the model's context

# every row in removed/
REASON = "reason"
VALUE = "value"  # what the rule measured or matched, as text

REFINED = (
    FILTER_LOGODDS,
    FILTER_CALIBRATED,
    FILTER_PROBABILITY,
    SCORE_LOGODDS,
    SCORE_CALIBRATED,
    SCORE_PROBABILITY,
    ANSWER_LOGODDS,
    ANSWER_CALIBRATED,
    ANSWER_PROBABILITY,
    OUTPUT,
    OUTPUT_TOKENS,
    OUTPUT_FINISH,
    OUTPUT_LOGPROB,
    OUTPUT_GIVEN,
    OUTPUT_PRIOR,
    SUPPORT,
    CHAT_MODEL,
    POLISH_PROMPT,
    ANSWER_CANDIDATE,
    RAW_OUTPUT,
    TAIL,
    MISSING_DETAILS,
    REJECTED_OUTPUT,
    REJECTED_SUPPORT,
    REJECTED_PROBABILITY,
    REJECTED_REASON,
    PROMPT_TOKENS,
    REASON,
    VALUE,
)
"""Columns that refine writes: in rows that it reads, they tell of another run."""

LABELLED = (
    INSTRUCTION,
    INSTRUCTION_TOKENS,
    INSTRUCTION_FINISH,
    INSTRUCTION_LOGPROB,
    INSTRUCTION_PRIOR,
    PERPLEXITY,
    FIT,
    LABEL_MODEL,
    LABEL_PROMPT,
    CANDIDATE,
    ROUND,
    *REFINED,
)
"""Columns that label writes, and those that are about what it wrote."""
