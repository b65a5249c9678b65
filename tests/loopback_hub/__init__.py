"""A Hugging Face Hub for the tests, on loopback: repositories, commits, LFS and rights, and faults on demand.

    with running_hub(tmp_path, users=[User("hf_ana", "ana", orgs={"lab": "write"})]) as hub:
        api = HfApi(endpoint=hub.url, token="hf_ana")
        hub.faults.add("POST", "/commit/", 503)

Left out: Spaces, pull requests, gated repositories, git itself and Xet, for which clients set HF_HUB_DISABLE_XET.
"""

from tests.loopback_hub.faults import Fault, Record
from tests.loopback_hub.server import Hub, Upload, running_hub
from tests.loopback_hub.tokens import User

__all__ = ["Fault", "Hub", "Record", "Upload", "User", "running_hub"]
