"""The API: `create_app(settings)` puts controllers, guards, the transaction, the error table and the document together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.di import Provide

from api.activity import ActivityController
from api.bodies import StrictRequest
from api.document import DocumentController, complete_document
from api.errors import HANDLERS
from api.health import HealthController
from api.house import House, cursor_key
from api.imports import ImportController
from api.improvements import ImprovementController
from api.links import LinkController, TaskLinkController
from api.observe import Observe
from api.parameters import refuse_unknown_parameters
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
from domain.trackers.credentials import Vault

LARGEST_BODY = 1024 * 1024 + 64 * 1024
CONTROLLERS = [
    ImportController,
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
        app.state.house = House(settings, database, bell, tokens, Vault(settings.secret_keys), cursor_key(settings))
        yield
        await bell.close()
        await database.close()

    app = Litestar(
        route_handlers=CONTROLLERS,
        lifespan=[open_house],
        dependencies={"session": Provide(provide_session)},
        exception_handlers=HANDLERS,
        before_request=refuse_unknown_parameters,
        request_class=StrictRequest,
        request_max_body_size=LARGEST_BODY,
        openapi_config=None,  # the document is our own, and so is its address
        logging_config=None,
    )
    # Outermost, so that an address which no handler knows is seen too.
    app.asgi_handler = Observe(app.asgi_handler)
    complete_document(app)
    return app
