"""The API: `create_app(settings)` puts controllers, guards, the transaction, the error table and the document together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.routes import HTTPRoute

from api.activity import ActivityController
from api.backfills import BackfillController
from api.bodies import StrictRequest
from api.comments import CommentController, TaskCommentController
from api.conflicts import ConflictController
from api.document import DocumentController, complete_document
from api.errors import HANDLERS
from api.health import HealthController
from api.house import House, cursor_key
from api.imports import ImportController
from api.improvements import ImprovementController
from api.links import LinkController, TaskLinkController
from api.methods import Methods
from api.observe import Observe
from api.parameters import check_parameters
from api.people import PeopleController, TeamController
from api.postmortems import PostmortemController
from api.projects import ProjectController
from api.routes import RouteController
from api.session import provide_session
from api.tasks import TaskController
from api.tokens import TokenController
from api.trackers import TrackerController
from api.webhooks import WebhookController
from domain.access.tokens import TokenCheck
from domain.bell import Bell
from domain.database import open_database
from domain.settings import Settings
from domain.sync.pace import Pacer
from domain.trackers.credentials import Vault

LARGEST_BODY = 1024 * 1024
# The import has the same limit, and says itself by how much a document is too large.
IMPORTS = Router("/", route_handlers=[ImportController], request_max_body_size=LARGEST_BODY + 64 * 1024)
CONTROLLERS = [
    PostmortemController,
    ImprovementController,
    TaskController,
    PeopleController,
    TeamController,
    TrackerController,
    ProjectController,
    RouteController,
    TaskLinkController,
    LinkController,
    ConflictController,
    BackfillController,
    TaskCommentController,
    CommentController,
    ActivityController,
    TokenController,
    WebhookController,
    HealthController,
    DocumentController,
]


def create_app(settings: Settings) -> Litestar:
    """Makes the ASGI application; connections are opened when it starts and closed when it ends."""

    @asynccontextmanager
    async def open_house(app: Litestar) -> AsyncGenerator[None, None]:
        database = await open_database(settings.database_url)
        bell = Bell(settings.redis_url, queue_name=settings.queue_name)
        tokens = TokenCheck(database.pool, bootstrap_token=settings.bootstrap_token)
        pacer = Pacer(bell.redis, database, factor=settings.pace_factor, slot_seconds=settings.lease_seconds)
        app.state.house = House(settings, database, bell, pacer, tokens, Vault(settings.secret_keys), cursor_key(settings))
        yield
        await bell.close()
        await database.close()

    app = Litestar(
        route_handlers=[IMPORTS, *CONTROLLERS],
        lifespan=[open_house],
        dependencies={"session": Provide(provide_session)},
        exception_handlers=HANDLERS,
        before_request=check_parameters,
        request_class=StrictRequest,
        request_max_body_size=LARGEST_BODY,
        openapi_config=None,  # the document is our own, and so is its address
        logging_config=None,
    )
    # Outermost, so that an address which no handler knows is seen too.
    app.asgi_handler = Observe(Methods(app.asgi_handler, _methods(app)))
    complete_document(app)
    return app


def _methods(app: Litestar) -> dict[str, set[str]]:
    return {route.path_format: {str(method) for method in route.methods} for route in app.routes if isinstance(route, HTTPRoute)}
