"""What a model call cost, from the prices that the genai-prices package carries.

The package's data is that of its release: nothing is looked up over the network. Its own
calculation takes 40 to 90 µs a call in decimal arithmetic; here a model is found once, its prices
become four floats, and a call is a few multiplications (tests hold both to the same result).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from ingest.conventions.providers import PROVIDERS, model_name

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

#: Names of gen_ai.provider.name, and others that are about, to the package's provider ids.
_PROVIDER_IDS = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "fireworks_ai": "fireworks",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot": "moonshotai",
    "moonshot_ai": "moonshotai",
    "together_ai": "together",
    "voyage": "voyageai",
    "x_ai": "x-ai",
    "xai": "x-ai",
    "z_ai": "zai",
}
#: They run a model themselves: what another provider charges for it says nothing.
_SELF_HOSTED = frozenset(
    "ollama vllm sglang lmstudio lm_studio llama_cpp llamacpp llamafile localai local"
    " huggingface_tgi tgi triton sagemaker aws.sagemaker transformers".split()
)
#: Clients that everybody's gateways and models are reached with; a model that they don't sell
#: is priced as its owner does.
_ANY_CLIENT = frozenset({"openai"})
#: Tiers at half the price. Sources: the pricing pages of OpenAI (Batch, Flex), Anthropic (Batch
#: processing), Google (Gemini's Batch), each "50%", November 2026.
HALF_PRICE = frozenset({"batch", "flex"})
#: Bedrock's ids carry the vendor in front of the model.
_BEDROCK_VENDORS = ("anthropic.", "amazon.", "meta.", "mistral.", "cohere.", "ai21.", "deepseek.")

#: A name that no provider knows is compared with some 2,600 models (4 ms).
_LONGEST_NAME = 256


@dataclass(frozen=True, slots=True)
class _Rate:
    """US dollars a token; ``tiers`` (over how many input tokens, rate), the highest first."""

    base: float
    tiers: tuple[tuple[int, float], ...] = ()

    def at(self, input_tokens: int) -> float:
        for start, rate in self.tiers:
            if input_tokens > start:
                return rate
        return self.base


@dataclass(frozen=True, slots=True)
class _Rates:
    """None where the model has no such price; then those tokens count as plain input."""

    input: _Rate | None
    output: _Rate | None
    cache_read: _Rate | None
    cache_write: _Rate | None
    request: float
    input_audio: _Rate | None = None
    output_audio: _Rate | None = None
    cached_audio: _Rate | None = None
    input_image: _Rate | None = None
    output_image: _Rate | None = None
    cache_write_1h: _Rate | None = None


def cost_usd(
    *,
    provider: str,
    model: str,
    input_tokens: int | None,
    output_tokens: int | None,
    cached_input_tokens: int | None,
    cache_write_tokens: int | None = None,
    input_audio_tokens: int | None = None,
    output_audio_tokens: int | None = None,
    cached_audio_tokens: int | None = None,
    input_image_tokens: int | None = None,
    output_image_tokens: int | None = None,
    cache_write_1h_tokens: int | None = None,
    service_tier: str = "",
    at: datetime | None,
) -> float | None:
    """US dollars of one call at the time of the call (None: now), None where that is unknown.

    ``provider``: as in gen_ai.provider.name, or any spelling that providers.PROVIDERS knows, ''
    for unknown. ``model``: as the provider names it or with its prefix removed; Bedrock's full ids
    (``us.anthropic.…``) are priced more exactly than shortened ones. ``input_tokens`` includes the
    cached ones (gen_ai.usage.input_tokens of the semantic conventions); where it is smaller than
    those it can't, and they are added. Tokens of audio and images are within input and output,
    cached audio within both cached and audio, those written for an hour within those written; they
    cost what the model takes for them. ``service_tier``: 'batch' and 'flex' are at half the price.

    None for an unknown model, for a model whose price list is empty, and where there are no
    tokens: never 0, except for a model that is free of charge.
    """
    total_in = _positive(input_tokens)
    total_out = _positive(output_tokens)
    if not total_in and not total_out:
        return None
    found = _find(provider, model)
    if found is None:
        return None
    rates = _rates(found, at)
    if rates is None:
        return None
    read = _positive(cached_input_tokens)
    written = _positive(cache_write_tokens)
    if read + written > total_in:
        total_in += read + written
    plain = total_in
    cost = rates.request
    heard_before = min(_positive(cached_audio_tokens), read) if cached_audio_tokens else 0
    if heard_before and rates.cached_audio is not None:
        plain -= heard_before
        read -= heard_before
        cost += heard_before * rates.cached_audio.at(total_in)
    for_an_hour = min(_positive(cache_write_1h_tokens), written) if cache_write_1h_tokens else 0
    if for_an_hour and rates.cache_write_1h is not None:
        plain -= for_an_hour
        written -= for_an_hour
        cost += for_an_hour * rates.cache_write_1h.at(total_in)
    if read and rates.cache_read is not None:
        plain -= read
        cost += read * rates.cache_read.at(total_in)
    if written and rates.cache_write is not None:
        plain -= written
        cost += written * rates.cache_write.at(total_in)
    heard = min(_positive(input_audio_tokens) - heard_before, plain) if input_audio_tokens else 0
    if heard > 0 and rates.input_audio is not None:
        plain -= heard
        cost += heard * rates.input_audio.at(total_in)
    seen = min(_positive(input_image_tokens), plain) if input_image_tokens else 0
    if seen and rates.input_image is not None:
        plain -= seen
        cost += seen * rates.input_image.at(total_in)
    spoken = min(_positive(output_audio_tokens), total_out) if output_audio_tokens else 0
    said = total_out
    if spoken and rates.output_audio is not None:
        said -= spoken
        cost += spoken * rates.output_audio.at(total_in)
    drawn = min(_positive(output_image_tokens), said) if output_image_tokens else 0
    if drawn and rates.output_image is not None:
        said -= drawn
        cost += drawn * rates.output_image.at(total_in)
    if rates.input is not None:
        cost += plain * rates.input.at(total_in)
    elif not total_out or rates.output is None:
        return None
    if rates.output is not None:
        cost += said * rates.output.at(total_in)
    elif not total_in:
        return None
    return cost / 2 if service_tier in HALF_PRICE else cost


def plain_cost_usd(
    provider: str,
    model: str,
    input_tokens: int | None,
    output_tokens: int | None,
    at: datetime | None,
) -> float | None:
    """The same of a call whose tokens all cost what its model takes for text, as most do."""
    total_in, total_out = input_tokens or 0, output_tokens or 0
    if total_in <= 0 and total_out <= 0:
        return None
    found = _find(provider, model)
    rates = None if found is None else _rates(found, at)
    if rates is None:
        return None
    if rates.input is None or rates.output is None or total_in < 0 or total_out < 0:
        return cost_usd(
            provider=provider,
            model=model,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_input_tokens=None,
            at=at,
        )
    cost = rates.request + total_in * rates.input.at(total_in)
    return cost + total_out * rates.output.at(total_in)


def _positive(count: int | None) -> int:
    return count if count is not None and count > 0 else 0


class _Found:
    """A model's price list. ``fixed`` where it doesn't depend on the time of the call."""

    __slots__ = ("by_price", "fixed", "free", "model")

    def __init__(self, model: ModelInfo) -> None:
        self.model = model
        self.free = model.id.endswith(":free")
        # Keyed by identity: the lists live as long as the package, and can't be hashed.
        self.by_price: dict[int, _Rates | None] = {}
        self.fixed = not isinstance(model.prices, list)


def _rates(found: _Found, at: datetime | None) -> _Rates | None:
    if found.fixed:
        price: Any = found.model.prices
    else:
        price = found.model.get_prices(at or datetime.now(UTC))
    key = id(price)
    if key not in found.by_price:
        found.by_price[key] = _compiled(price, found.free)
    return found.by_price[key]


def _compiled(price: ModelPrice, free: bool) -> _Rates | None:
    listed = {name: value for name, value in vars(price).items() if value is not None}
    if not listed:
        return _Rates(_Rate(0.0), _Rate(0.0), None, None, 0.0) if free else None
    requests = listed.get("requests_kcount")
    return _Rates(
        _rate(listed.get("input_mtok")),
        _rate(listed.get("output_mtok")),
        _rate(listed.get("cache_read_mtok")),
        _rate(listed.get("cache_write_mtok")),
        0.0 if requests is None else float(getattr(requests, "base", requests)) / 1000,
        _rate(listed.get("input_audio_mtok")),
        _rate(listed.get("output_audio_mtok")),
        _rate(listed.get("cache_audio_read_mtok")),
        _rate(listed.get("input_image_mtok")),
        _rate(listed.get("output_image_mtok")),
        _rate(listed.get("cache_write_1h_mtok")),
    )


def _rate(price: Any) -> _Rate | None:
    """``price``: dollars a million tokens, a Decimal or the package's TieredPrices."""
    if price is None:
        return None
    tiers = getattr(price, "tiers", None)
    if tiers is None:
        return _Rate(float(price) / 1e6)
    return _Rate(
        float(price.base) / 1e6,
        tuple((tier.start, float(tier.price) / 1e6) for tier in reversed(tiers)),
    )


@lru_cache(maxsize=8192)
def _find(provider: str, model: str) -> _Found | None:
    name = model.strip().lower()
    if not name or len(name) > _LONGEST_NAME:
        return None
    given = provider.strip().lower()
    given = PROVIDERS.get(given, given)
    if given in _SELF_HOSTED:
        return None
    names = list(dict.fromkeys((name, model_name(name))))
    sellers = _providers()
    seller = sellers.get(_PROVIDER_IDS.get(given, given))
    if seller is not None:
        found = _sold_by(seller, names)
        if found is not None:
            return _found(found)
    found = None
    if seller is None or seller.id in _ANY_CLIENT:
        found = _sold_by_owner(names)
    return _found(found or _same_everywhere(names))


def _sold_by(seller: Provider, names: Sequence[str]) -> ModelInfo | None:
    """The seller's model of one of the names, also without the vendor that its ids start with."""
    everybody = list(_providers().values())
    vendors = _BEDROCK_VENDORS if seller.id == "aws" else ()
    for name in names:
        for spelled in (name, *(vendor + name for vendor in vendors)):
            found = seller.find_model(spelled, all_providers=everybody)
            if found is not None:
                return found
    # 'llama-3.3-70b-instruct' of 'meta-llama/llama-3.3-70b-instruct'.
    ends = [model for model in seller.models if "/" in model.id and _last(model.id) in names]
    return ends[0] if ends and _agree(ends) else None


def _sold_by_owner(names: Sequence[str]) -> ModelInfo | None:
    """As sold by the provider that claims names of this form for its own models."""
    for name in names:
        for seller in _providers().values():
            if seller.model_match is not None and seller.model_match.is_match(name):
                found = seller.find_model(name)
                if found is not None:
                    return found
    return None


def _same_everywhere(names: Sequence[str]) -> ModelInfo | None:
    """The model where all who list it charge the same; those without a price don't count."""
    for name in names:
        listed = [model for model in _listings(name) if _priced(model)]
        if listed:
            return listed[0] if _agree(listed) else None
    return None


def _listings(name: str) -> Iterator[ModelInfo]:
    for seller in _providers().values():
        found = seller.find_model(name)
        if found is not None:
            yield found


def _agree(models: Sequence[ModelInfo]) -> bool:
    return all(model.prices == models[0].prices for model in models[1:])


def _priced(model: ModelInfo) -> bool:
    return isinstance(model.prices, list) or any(v is not None for v in vars(model.prices).values())


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1].lower()


_known: dict[int, _Found] = {}


def _found(model: ModelInfo | None) -> _Found | None:
    """One _Found a model, however many names lead to it."""
    return None if model is None else _known.setdefault(id(model), _Found(model))


@cache
def _providers() -> dict[str, Provider]:
    """Provider id to provider. Imported here: 1.6 MB of code, which only a priced span needs."""
    from genai_prices.data_snapshot import get_snapshot

    return {provider.id: provider for provider in get_snapshot().providers}
