"""The keys of `llms.<name>` with `provider: greeting`."""

from __future__ import annotations

from typing import Annotated

import attrs
from hector.spi import Doc, Length, Range


@attrs.frozen(kw_only=True)
class GreetingSettings:
    """Every key that the provider reads, with its type, its bounds and its default."""

    greeting: Annotated[str, Doc("the word to greet with"), Length(1)] = "Hello"
    exclamation_marks: Annotated[int, Doc("how glad it sounds"), Range(0, 3)] = 1
