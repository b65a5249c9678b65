r"""Train a model on preference pairs, by TRL's DPOTrainer. Not the paper's; behind its chain.

    accelerate launch --quiet --config_file accelerate_configs/cpu.yaml recipes/preference.py \
        --config recipes/demo/preference.yaml

Columns in:  prompt, chosen, rejected: lists of messages, as refine writes them into its folder `preference`
Writes:      a plain model folder with its train_summary.json: held-out loss before and after, reward accuracy
"""

from kun_recipes.chain.stages.preference import PREFERENCE

if __name__ == "__main__":
    PREFERENCE.main()
