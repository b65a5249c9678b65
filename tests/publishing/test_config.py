"""The options of the publish stage: what cannot be published is refused before anything is read."""

import pytest

from kun_recipes.errors import ConfigError


@pytest.mark.parametrize(
    ("changes", "key", "message"),
    [
        (
            {"repositories": ["seeds=Seeds"]},
            "repositories",
            "unknown repository seeds; choose from dataset,",
        ),
        ({"repositories": ["dataset"]}, "repositories", "write name=value, not 'dataset'"),
        ({"repositories": ["dataset=A", "dataset=B"]}, "repositories", "dataset is given twice"),
        ({"repositories": ["dataset=A", "candidates=A"]}, "repositories", "two repositories have the same name"),
        ({"repositories": ["dataset=我的数据"]}, "repositories", "not a valid name on the Hub"),
        ({"repositories": ["dataset=a--b"]}, "repositories", "not a valid name on the Hub"),
        ({"sources": ["wudao,licence=gpl-9,origin=x"]}, "sources", "unknown licence gpl-9; choose from cc0-1.0, mit"),
        ({"sources": ["wudao,licence=mit,origin=x", "wudao,licence=mit,origin=y"]}, "sources", "wudao is given twice"),
        ({"sources": ["wudao,origin=x"]}, "sources.licence", "is missing"),
        ({"sources": ["wudao,licence=mit"]}, "sources.origin", "is missing"),
        ({"model_licence": "free"}, "model_licence", "unknown licence free"),
        ({"seeds_origin": None}, "seeds_origin", "is required to publish models"),
        ({"withhold": "/no/such"}, "withhold", "no such file or folder"),
        ({"recipes": ["recipes/none"]}, "recipes[0]", "no such file or folder"),
    ],
)
def test_impossible_combinations_are_refused(run_folder, changes, key, message):
    with pytest.raises(ConfigError) as caught:
        run_folder.config(**changes)
    assert caught.value.key == key
    assert message in caught.value.message


def test_nothing_is_pushed_and_nothing_is_public_unless_asked(run_folder):
    config = run_folder.config()
    assert (config.push, config.private) == (False, True)


def test_seeds_need_no_origin_where_no_model_is_published(run_folder):
    run_folder.config(repositories=["dataset=Pairs"], seeds_origin=None)


def test_licences_file_can_be_replaced(run_folder, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(
        "licences:\n  - {id: house, hub: other, name: House, link: 'https://x.org', asks: a visit}\n", encoding="utf-8"
    )
    sources = [f"{source},licence=house,origin=x" for source in ("wudao", "wanjuan", "skypile")]
    config = run_folder.config(licences=own, sources=sources, model_licence="house")
    assert config.licence("house").metadata() == {
        "license": "other",
        "license_name": "house",
        "license_link": "https://x.org",
    }
    own.write_text("licences: none", encoding="utf-8")
    with pytest.raises(ConfigError, match="licences: must be a list of a mapping, not 'none'"):
        run_folder.config(licences=own)
