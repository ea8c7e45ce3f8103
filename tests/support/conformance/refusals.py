"""What a request that must fail ends in."""

from __future__ import annotations

import pytest
from firecrest.FirecrestException import UnexpectedStatusException


def refusal(call, *args, **kwargs) -> tuple[int, str]:
    """Status and message of the error that a call must end in."""
    with pytest.raises(UnexpectedStatusException) as caught:
        call(*args, **kwargs)
    answer = caught.value.responses[-1]
    body = answer.json()
    assert set(body) == {"errorType", "message", "causedBy", "data", "user"}
    return answer.status_code, body["message"]
