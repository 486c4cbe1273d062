"""The strictest policy of content that a site can have: nothing inline, nothing from elsewhere."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

STRICT = "default-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"


def strict_policy(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Send the policy with each answer: middleware, for Django has its own only since 6.0."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        response["Content-Security-Policy"] = STRICT
        return response

    return middleware
