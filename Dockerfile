# One image for migrate, ingest, classify, alerting and web: the command says which one.

FROM python:3.12.13-slim-trixie AS build
WORKDIR /src
# Locked versions, by their hashes. Without the `embedded` extra: ClickHouse is a server here. The
# environment gets no pip.
COPY requirements requirements
RUN python -m venv --without-pip /opt/everyspan \
    && pip --python /opt/everyspan/bin/python install --no-cache-dir \
        --require-hashes -r requirements/server.txt \
    && pip install --no-cache-dir --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY ingest ingest
COPY clickhouse clickhouse
COPY classify classify
COPY grafana grafana
COPY alerting alerting
COPY experiments experiments
COPY service service
COPY web web
COPY cli cli
COPY demo demo
# The command is the SDK's.
COPY sdk sdk
RUN pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel ./sdk . \
    && pip --python /opt/everyspan/bin/python install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.12.13-slim-trixie
LABEL org.opencontainers.image.title="everyspan" \
      org.opencontainers.image.description="LLM monitoring that judges every span" \
      org.opencontainers.image.licenses="Apache-2.0"
# The base image's own package manager has nothing to do here.
RUN rm -rf /usr/local/lib/python3.12/site-packages/pip* \
        /usr/local/lib/python3.12/ensurepip /usr/local/bin/pip* \
    && groupadd --gid 10001 everyspan \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home \
        --shell /usr/sbin/nologin everyspan \
    && install --directory --owner 10001 --group 10001 --mode 0750 /data
COPY --from=build /opt/everyspan /opt/everyspan
ENV PATH=/opt/everyspan/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EVERYSPAN_HOST=0.0.0.0 \
    EVERYSPAN_DATA=/data
WORKDIR /data
USER 10001:10001
EXPOSE 4317 4318 8080 8085 8086
ENTRYPOINT ["everyspan"]
CMD ["--help"]
