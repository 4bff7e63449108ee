"""GET /metrics: for Prometheus and whatever else reads its text."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from labkit.api.observers import Metrics

router = APIRouter()


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", response_class=Response)
async def get_metrics(request: Request) -> Response:
    """Every series: vLLM's names, llama-server's, the GenAI conventions' and labkit's own. Asks no worker.

    OpenMetrics where the Accept header asks for it.
    """
    metrics: Metrics = request.app.state.metrics
    body, content_type = await metrics.render(request.headers.get("accept", ""))
    return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})
