import re

import pytest
from starlette.testclient import TestClient

from kun_recipes.annotation.config import ADMIN, AnnotateConfig
from kun_recipes.annotation.keys import Keys, hash_key
from kun_recipes.annotation.server import build_app
from kun_recipes.annotation.storage import Database
from kun_recipes.annotation.study import read_study
from tests.annotation.conftest import NAMES, write_study

PAGE = "/zh/quality"
CALL = f"{PAGE}/gradio_api/run"
BEHIND = [
    "/",
    "/?key=guessed",
    "/admin/zh",
    "/admin/database",
    PAGE + "/",
    PAGE + "/config",
    PAGE + "/theme.css",
    PAGE + "/assets/index.js",
    PAGE + "/gradio_api/info",
    PAGE + "/gradio_api/queue/data?session_hash=x",
    PAGE + "/gradio_api/heartbeat/x",
    PAGE + "/gradio_api/startup-events",
    PAGE + "/gradio_api/app_id",
    PAGE + "/gradio_api/openapi.json",
    "/en/preference/",
    "/no/such/page",
]
POSTS = [f"{CALL}/show", f"{CALL}/submit", f"{PAGE}/gradio_api/queue/join", f"{PAGE}/gradio_api/upload"]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The application and the keys to it. Building it takes a second, so the tests share it; one of them votes."""
    folder = tmp_path_factory.mktemp("served")
    config = AnnotateConfig(
        study_dir=str(write_study(folder / "study")), output_dir=str(folder / "out"), annotators=NAMES
    )
    study, database = read_study(config.study_dir), Database(config.database)
    database.hold(study, seed=0)
    keys = Keys(database, [*NAMES, ADMIN])
    return build_app(config, study, database, keys), keys.make()


@pytest.fixture
def app(served):
    return served[0]


@pytest.fixture
def keys(served) -> dict[str, str]:
    return served[1]


@pytest.fixture
def enter(app, keys):
    """A browser that has opened someone's link."""

    def opened(name: str) -> TestClient:
        client = TestClient(app, follow_redirects=False)
        assert client.get("/", params={"key": keys[name]}).status_code == 200
        return client

    return opened


def said(client: TestClient, name: str = "show", *values) -> list:
    answer = client.post(f"{CALL}/{name}", json={"data": list(values), "session_hash": "x"})
    assert answer.status_code == 200
    return answer.json()["data"]


def refused(answer) -> bool:
    return answer.status_code == 403 and "个人链接" in answer.text and "指令" not in answer.text


def test_request_without_a_key_is_refused(app):
    client = TestClient(app, follow_redirects=False)
    assert all(refused(client.get(path)) for path in BEHIND)
    assert all(refused(client.post(path, json={"data": []})) for path in POSTS)
    assert not client.cookies


def test_forged_cookie_is_refused(app, keys, enter):
    name = next(iter(enter("anna").cookies))
    for value in ("", "guessed", hash_key(keys["anna"]), keys["anna"][:-1]):
        assert refused(TestClient(app, cookies={name: value}).get(PAGE + "/"))
    assert refused(TestClient(app, cookies={"other": keys["anna"]}).get(PAGE + "/"))


def test_a_link_opens_the_page(app, keys):
    client = TestClient(app, follow_redirects=False)
    answer = client.get("/", params={"key": keys["anna"]})
    assert 'url=/"' in answer.text
    cookie = answer.headers["set-cookie"]
    assert re.match(r"annotation_[0-9a-f]{8}=", cookie)
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert client.get("/").headers["location"] == "/zh/quality/"
    assert client.get("/zh/quality/").status_code == 200


def test_a_cookie_over_https_is_secure(app, keys):
    answer = TestClient(app, base_url="https://votes.example.org").get("/", params={"key": keys["anna"]})
    assert "Secure" in answer.headers["set-cookie"].split("; ")


def test_pages_may_load_nothing_from_elsewhere(enter):
    headers = enter("anna").get(PAGE + "/").headers
    assert headers["content-security-policy"].startswith("default-src 'self';")
    assert headers["referrer-policy"] == "no-referrer"


def test_pages_contain_no_item_before_assignment(enter):
    for path in (PAGE + "/", PAGE + "/config", PAGE + "/gradio_api/info"):
        text = enter("anna").get(path).text
        assert "第一行" not in text
        assert "wudao" not in text


def test_annotators_do_not_see_each_other(enter):
    anna, bo = enter("anna"), enter("bo")
    shown = said(anna)
    assert said(anna, "submit", shown[3], "yes", "yes", "no", "pass")[2] != shown[2]
    of_bo = said(bo)
    assert "0 / 4" in of_bo[2]
    for path in ("/", PAGE + "/", PAGE + "/config"):
        assert "anna" not in bo.get(path).text
    # the number of another's item is of no use
    open_of_anna = said(anna)
    assert said(bo, "submit", open_of_anna[3], "no", "no", "no", "fail")[2] == of_bo[2]
    assert said(bo, "undo", open_of_anna[3])[2] == of_bo[2]
    assert said(anna)[1:] == open_of_anna[1:]


def test_models_are_not_named_to_annotators(enter):
    answer = enter("anna").post("/zh/preference/gradio_api/run/show", json={"data": [], "session_hash": "x"})
    assert "提示" in answer.text
    assert "belle" not in answer.text


def test_annotators_are_kept_from_the_admins_page_and_the_admin_from_theirs(enter):
    anna, admin = enter("anna"), enter(ADMIN)
    assert refused(anna.get("/admin/zh"))
    assert refused(anna.get("/admin/database"))
    assert admin.get("/").headers["location"] == "/admin/zh"
    assert "anna" in admin.get("/admin/zh").text
    assert refused(admin.get(PAGE + "/"))


@pytest.mark.parametrize("part", ["upload", "file=/etc/passwd", "file/x", "proxy=http://example.org", "stream/x"])
def test_unused_gradio_endpoints_are_closed(enter, part):
    assert refused(enter("anna").get(f"{PAGE}/gradio_api/{part}"))


def test_disabled_choice_has_no_endpoint(enter):
    anna = enter("anna")
    calls = {one["api_name"] for one in anna.get("/zh/preference/config").json()["dependencies"]}
    assert calls == {"show", "undo", "left", "right", "tie"}
