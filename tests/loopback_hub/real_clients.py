"""Push and load a dataset with datasets, load a model with transformers; say as JSON what came.

python tests/loopback_hub/real_clients.py DATASET MODEL
"""

import json
import sys

from datasets import Dataset, get_dataset_config_names, load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

if __name__ == "__main__":
    dataset, model = sys.argv[1:]
    pushed = {"poems": ["床前明月光", "疑是地上霜"], "letters": ["見字如面"]}
    for config, texts in pushed.items():
        Dataset.from_dict({"text": texts}).push_to_hub(dataset, config, private=True)
    names = get_dataset_config_names(dataset)
    whole = {name: load_dataset(dataset, name, split="train")["text"][:] for name in names}
    streamed = {
        name: [row["text"] for row in load_dataset(dataset, name, split="train", streaming=True)] for name in names
    }
    loaded, tokenizer = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    weight = float(loaded.get_input_embeddings().weight.double().sum())
    encoded = tokenizer("見字如面")["input_ids"]
    json.dump({"whole": whole, "streamed": streamed, "weight": weight, "encoded": encoded}, sys.stdout)
