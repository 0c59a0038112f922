"""The laws of every provider, whatever its kind, as tests to inherit."""

from __future__ import annotations

from hector.testing.provider_life_laws import ProviderLifeLaws
from hector.testing.provider_openness_laws import ProviderOpennessLaws
from hector.testing.provider_settings_laws import ProviderSettingsLaws

__all__ = ["ProviderSuite"]


class ProviderSuite(ProviderSettingsLaws, ProviderLifeLaws, ProviderOpennessLaws):
    """Subclass it in a test module, name the `provider`, and pytest runs the laws of all providers.

    ```python
    class TestMyProvider(ProviderSuite):
        provider = MY_PROVIDER

        def setups(self):
            return ({"path": st.just("vectors.db")},)
    ```

    Settings are drawn from the provider's settings class; what must exist in the world for them is
    made by `world`, and named by `setups`. What the settings refer to (an LLM, an embedder) is there
    under the name `helper`.

    Attributes:
        provider: the declaration that the plugin's hook returns.
        names: kind of reference to the names that references in drawn settings may use.
        settings_examples: how many drawn settings are built; each opens a runtime.
        mistake_examples: how many drawn mistakes are tried.
        cut_offs: at how many places an opening is cut off, at most 18.
        histories: how many histories of components are played.
        cycles: how often a component is built to see whether something grows.
        module: the plugin's module, or None to look it up among the installed plugins.
        light_imports: names of top-level modules that importing the plugin may import: helpers
            that take no time, and no vendor's SDK.
    """
