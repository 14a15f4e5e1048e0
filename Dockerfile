# dbtool alone, for questions to a server: now, locks, pool, top, doctor, kill, explain, lint of SQL.
# Migrations and seeds import the project's models: install dbtool-pg in the project's own image.
FROM python:3.13-slim AS build
COPY . /source
RUN pip wheel --quiet --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN wheel=$(echo /wheels/*.whl) \
    && pip install --quiet --no-cache-dir "$wheel[pgbouncer]" \
    && useradd --create-home dbtool
USER dbtool
WORKDIR /home/dbtool
ENTRYPOINT ["dbtool"]
CMD ["--help"]
