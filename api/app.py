"""The API: `create_app(settings)` puts controllers, guards, the transaction, the error table and the document together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Contact, License, SecurityScheme, Tag

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
DESCRIPTION = """Followthrough makes sure that what a postmortem promises really happens: it stores postmortems with their improvements and
tasks, makes every task an issue in its team's tracker, and keeps task and issue the same in both directions.

Instants are RFC 3339 in UTC, days are dates, ids are UUIDv7. Lists have `limit`, `cursor` and `sort`; single resources have an `ETag`,
and changes honour `If-Match`. Errors are problem documents (RFC 9457) that name the wrong place."""


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
        openapi_config=_openapi_config(settings),
        logging_config=None,
    )
    # Outermost, so that an address which no handler knows is seen too.
    app.asgi_handler = Observe(app.asgi_handler)
    complete_document(app)
    return app


def _openapi_config(settings: Settings) -> OpenAPIConfig:
    bearer = SecurityScheme(type="http", scheme="bearer", description="An API token: `Authorization: Bearer ft_…`.")
    return OpenAPIConfig(
        title="Followthrough",
        version="1.0.0",
        description=DESCRIPTION,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        contact=Contact(name="Followthrough"),
        components=Components(security_schemes={"token": bearer}),
        tags=[Tag(name=name, description=text) for name, text in TAGS.items()],
        use_handler_docstrings=True,
        enabled_endpoints=set(),
        path="/openapi",
    )


TAGS = {
    "Postmortems": "Documents of incidents, and their import from Markdown.",
    "Improvements": "What should be better after an incident.",
    "Tasks": "Action items, with owner, due date and state.",
    "People and teams": "Who owns tasks.",
    "Trackers": "Where issues live: connections, projects and routes.",
    "Links": "A task and its issue, and the state of their sync.",
    "Activity": "Who changed what.",
    "Tokens": "Tokens for tools that call this API.",
    "Webhooks": "What trackers send.",
    "Operation": "Health, metrics and the document itself.",
}
