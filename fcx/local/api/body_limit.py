"""How much of a request's body is read, and of whom: nothing of strangers, and not without end."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ApiError
from .site import Site

MOST = 64 << 20  # bytes of a body; what an operation takes is less, and it says so itself
MOST_OF_FORM = 64 << 10  # bytes of a request for a token
SIGNED_IN = ("/status/", "/compute/", "/filesystem/")  # the others authenticate by themselves
FORM = "/auth/"


class BodyLimit:
    """Between the middleware and the routes: a route that asks for the body gets it from here.

    FastAPI reads a body before it looks at who sent it, and whole.
    """

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app = app
        self.site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its body under guard."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path.startswith((*SIGNED_IN, FORM)):
            receive = self._guarded(scope, receive, MOST_OF_FORM if path.startswith(FORM) else MOST)
        await self.app(scope, receive, send)

    def _guarded(self, scope: Scope, receive: Receive, most: int) -> Receive:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        has_body = length != "0" or "transfer-encoding" in headers
        came = 0

        async def guarded() -> Message:
            nonlocal came
            if has_body and came == 0 and scope["path"].startswith(SIGNED_IN):
                self._refuse_strangers(headers.get("authorization"))
            _refuse_if_over(int(length) if length.isdigit() else 0, most)
            message = await receive()
            came += len(message.get("body", b""))
            _refuse_if_over(came, most)
            return message

        return guarded

    def _refuse_strangers(self, authorization: str | None) -> None:
        try:
            self.site.authority.check(authorization)
        except ApiError as error:  # the only error that FastAPI lets out of the reading of a body
            raise HTTPException(error.status, error.message, error.headers) from None


def _refuse_if_over(size: int, most: int) -> None:
    if size > most:
        raise HTTPException(413, f"Request body is larger than {most} bytes.")
