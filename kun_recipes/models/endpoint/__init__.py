"""A model behind an address: asked in the form of OpenAI's chat completions, each answer kept as it comes."""
