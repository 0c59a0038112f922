"""The offline model answers questions about a corpus of prose, whose right sentences are known."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from hector.message import JSONValue, Message, TextPart, ToolCall, ToolResult
from hector.spi import LLM, LLMRequest, LLMResponse, ToolSpec
from hector_std.offline import OfflineSettings
from hector_std.offline.model import Offline

Search = Callable[[str], Awaitable[dict[str, JSONValue]]]

SEARCH = ToolSpec(
    name="search",
    description="Search the documents.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["query"],
    },
)

QUESTIONS = {
    "What is a lighthouse?": "A lighthouse is a tower that carries a lamp and lenses",
    "Who built the first lens of concentric rings?": "Augustin-Jean Fresnel built a lens",
    "How can a navigator tell one light from another?": "Every light has a characteristic",
    "When did the last keeper leave?": "The last keeper in Britain left North Foreland in 1998.",
    "How do I bake a loaf?": "2. Rest the dough for 30 minutes, then add 10 g of salt.",
    "What does hydration mean?": "Hydration is the weight of the water divided by the weight of the flour.",
    "What should I do about a dark liquid on my starter?": "pour it off and feed the starter twice",
    "How do I make a full backup with tar?": "tar --create --zstd --file /backup/home.tar.zst /home",
    "What do I need to restore an incremental backup?": "you need the full backup and every increment after it",
    "When does prune run?": "which runs every Sunday at 03:00",
    "Which exit status does verify have when files differ?": "It exits with status 3 when a file differs.",
    "How many eggs does the queen lay?": "The queen lays up to two thousand eggs a day.",
    "Why is formic acid applied after the harvest?": "because it would taint the honey",
    "How do beekeepers prevent swarming?": "by giving the colony room and by removing queen cells",
    "What is varroa?": "Varroa is a mite that feeds on larvae and spreads viruses.",
    "How much honey does a colony need for the winter?": "about 20 kg of honey to survive the winter",
}
UNANSWERABLE = (
    "What is the capital of France?",
    "How do I configure a Kubernetes ingress?",
    "Who won the world cup in 1990?",
)


async def ask(llm: LLM, *messages: Message) -> LLMResponse:
    """Send a conversation with the search on offer; returns the last chunk."""
    chunks = [chunk async for chunk in llm.generate(LLMRequest(messages=messages, tools=(SEARCH,)))]
    assert isinstance(chunks[-1], LLMResponse)
    return chunks[-1]


async def answer(search: Search, llm: LLM, *messages: Message) -> str:
    """Ask, let the model search, and return its answer."""
    (call,) = (await ask(llm, *messages)).parts
    assert isinstance(call, ToolCall)
    query = call.arguments["query"]
    assert isinstance(query, str)
    content = TextPart(json.dumps(await search(query)))
    result = ToolResult(call_id=call.id, name="search", content=(content,))
    response = await ask(llm, *messages, Message("assistant", (call,)), Message("tool", (result,)))
    return "".join(part.text for part in response.parts if isinstance(part, TextPart))


async def test_hit_rate(search_corpus: Search) -> None:
    """Of 16 questions, so many have their sentence in the answer, and at its head."""
    llm = Offline(OfflineSettings())
    answers = {
        question: await answer(search_corpus, llm, Message.user(question)) for question in QUESTIONS
    }
    hits = [question for question, wanted in QUESTIONS.items() if wanted in answers[question]]
    leads = [
        question
        for question, wanted in QUESTIONS.items()
        if wanted in "\n\n".join(answers[question].split("\n\n")[:2])
    ]
    assert (len(hits), len(leads)) == (16, 16), set(QUESTIONS) - set(leads)


@pytest.mark.parametrize("question", UNANSWERABLE)
async def test_what_the_documents_do_not_say_is_not_answered(
    search_corpus: Search, question: str
) -> None:
    """It says that it found nothing, and how to get a real model."""
    text = await answer(search_corpus, Offline(OfflineSettings()), Message.user(question))
    assert "found nothing that answers it" in text
    assert "provider: auto" in text
    assert "Sources:" not in text


async def test_a_follow_up_leans_on_the_question_before(search_corpus: Search) -> None:
    """`And in winter?` is about bees when the question before was."""
    messages = (
        Message.user("How long do worker bees live in summer?"),
        Message("assistant", (TextPart("Workers live six weeks in summer."),)),
        Message.user("And those born in autumn?"),
    )
    text = await answer(search_corpus, Offline(OfflineSettings()), *messages)
    assert text.startswith(
        "Workers live six weeks in summer, but those born in autumn live until spring. [1]"
    )


async def test_the_same_question_has_the_same_answer(search_corpus: Search) -> None:
    """Word for word, in another instance too."""
    question = Message.user("How do I bake a loaf?")
    first = await answer(search_corpus, Offline(OfflineSettings()), question)
    assert await answer(search_corpus, Offline(OfflineSettings()), question) == first
    assert first == (
        "To bake a loaf, follow these steps: [1]\n\n"
        "1. Mix 500 g of flour, 350 g of water and 100 g of starter.\n"
        "2. Rest the dough for 30 minutes, then add 10 g of salt.\n"
        "3. Fold it every half hour, four times.\n"
        "4. Shape it and leave it in the fridge overnight.\n"
        "5. Bake at 240 °C for 40 minutes.\n\n"
        "Sources:\n"
        '[1] bread.md, "Sourdough bread > Baking a loaf", lines 9-21'
    )


async def test_settings_bound_the_answer(search_corpus: Search) -> None:
    """`max_sentences` and `passages` hold."""
    llm = Offline(OfflineSettings(passages=1, max_sentences=1))
    text = await answer(search_corpus, llm, Message.user("What does hydration mean?"))
    assert text == (
        "Hydration is the weight of the water divided by the weight of the flour. [1]\n\n"
        'Sources:\n[1] bread.md, "Sourdough bread > Hydration", lines 22-30'
    )
