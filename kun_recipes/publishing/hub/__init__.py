"""The Hub's side of publishing: may we, send, and look at what arrived."""

from kun_recipes.publishing.hub.account import check_account
from kun_recipes.publishing.hub.push import Pushed, push

__all__ = ["Pushed", "check_account", "push"]
