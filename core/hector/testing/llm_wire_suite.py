"""The laws of an LLM behind a network, as tests to inherit."""

from __future__ import annotations

from hector.testing.llm_deadline_laws import DeadlineLaws
from hector.testing.llm_fault_laws import FaultLaws
from hector.testing.llm_request_laws import RequestLaws
from hector.testing.llm_stream_laws import StreamLaws
from hector.testing.llm_suite import LLMSuite

__all__ = ["LLMWireSuite"]


class LLMWireSuite(StreamLaws, FaultLaws, DeadlineLaws, RequestLaws, LLMSuite):
    """All laws of `LLMSuite`, and those of the wire: streams, faults, retries, deadlines, requests, secrets.

    Subclass it in a test module, say which provider it is, how its API is spoken, and its settings. A server on the
    loopback plays the provider; the provider's own client talks to it.

    ```python
    class TestMyModel(LLMWireSuite):
        provider = hector_llm_providers()[0]
        wire = OpenAIChatWire()

        def settings(self, base_url, **keys):
            return MySettings(base_url=base_url, api_key=Secret(self.secret), **keys)
    ```
    """
