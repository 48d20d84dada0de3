FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements.lock requirements-dev.lock ./
RUN python -m venv /opt/followthrough \
    && /opt/followthrough/bin/pip install --require-hashes --requirement requirements.lock
# What builds the package is pinned with its hashes too; it does not get into the image.
RUN awk '/^[a-z]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|tomlkit|trove-classifiers)==/ } wanted' requirements-dev.lock > build.lock \
    && pip install --require-hashes --requirement build.lock
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir wheels . \
    && /opt/followthrough/bin/pip install --no-deps --no-index wheels/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home followthrough
COPY --from=build /opt/followthrough /opt/followthrough
ENV PATH=/opt/followthrough/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000
USER followthrough
EXPOSE 8000
# Of the API; a worker answers no HTTP, so docker-compose.yml turns it off there.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health/live', timeout=4)"]
ENTRYPOINT ["followthrough"]
CMD ["api"]
