"""The declarations of the stages, a module each; `kun_recipes.chain.all_stages` lists them in their order."""
