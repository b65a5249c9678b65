"""Language models: from the `model` field of a config to a folder, the engines that load it, and prompts."""
