"""Statements and headings in place of instructions. Label models write them for news most of all."""

from datatrove.pipeline.writers.disk_base import DiskWriter

from kun_recipes.data import schema
from kun_recipes.rules.forms import load_forms
from kun_recipes.rules.rule import Fault, Rule


class IsStatement(Rule):
    """Drop instructions that are neither questions nor orders by their form (rules/forms.py), with reason "statement".

    Reads the instruction. The value is its first 20 characters.
    """

    name = "📰 statement"

    def __init__(self, exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.INSTRUCTION, exclusion_writer)

    def find(self, text: str) -> Fault | None:
        return Fault("statement", text[:20]) if load_forms().is_statement(text) else None
