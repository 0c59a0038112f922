"""What `hector init` writes."""

from __future__ import annotations

__all__ = ["ENVIRONMENT", "PROVIDERS", "TEMPLATES", "VARIABLES", "provider_block"]

VARIABLES = {
    "anthropic": "ANTHROPIC_API_KEY",
    "cohere": "CO_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "openai": "OPENAI_API_KEY",
}
"""Provider to the variable that holds its key; its plugin is `hector-plugin-<provider>`."""

PROVIDERS = ("auto", "offline", *VARIABLES)

ENVIRONMENT = """\
# Copy this file to .env and fill in what you use. Keep .env out of version control.
# OPENAI_API_KEY=
# ANTHROPIC_API_KEY=
# GEMINI_API_KEY=
# CO_API_KEY=
"""

_HEAD = """\
# Check it with: hector validate. Every key: hector schema.
name: {name}

llms:
  default:
{provider}
"""

TEMPLATES: dict[str, str] = {
    "assistant": _HEAD
    + """
agents:
  assistant:
    description: Answers questions.
    instruction: You are a helpful assistant. Answer briefly and say what you do not know.
""",
    "documents": _HEAD
    + """
embedders:
  default:
    provider: lexical

vector_stores:
  default:
    type: chromem
    persist_path: .hector/vectors

document_stores:
  documents:
    description: The documents of this project.
    source:
      type: directory
      path: {documents}

agents:
  assistant:
    description: Answers questions from the documents.
    instruction: >-
      Answer from the documents. Search before you answer, name your sources,
      and say so when they do not hold the answer.
    document_stores: [documents]
""",
    "tools": _HEAD
    + """
tools:
  files:
    type: files
    root: .

agents:
  assistant:
    description: Reads the files of this folder.
    instruction: Use the tools to look into the files before you answer.
    tools: [files]
""",
}


def provider_block(provider: str) -> str:
    """The lines below `llms.default`."""
    notes = {
        "auto": "    provider: auto  # the model whose API key is set, an Ollama that listens, or the offline one",
        "offline": "    provider: offline  # answers from what its tools find; no model, no key",
    }
    if provider in notes:
        return notes[provider]
    return f"    provider: {provider}\n    api_key: ${{{VARIABLES[provider]}}}"
