r"""Train a model on instruction/answer pairs, either way round (Kun §3.1, §3.3).

    accelerate launch --quiet --config_file accelerate_configs/cpu.yaml recipes/train.py \
        --config recipes/demo/label_model.yaml

With --quiet a mistake ends in its own line alone, without the traceback of the launcher.

Columns in:  instruction, output
Writes:      a plain model folder with its train_summary.json
"""

from kun_recipes.chain.stages.training import TRAINING

if __name__ == "__main__":
    TRAINING.main()
