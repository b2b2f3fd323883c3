# One image for ingest, classify, alerting and migrate: `docker build -t everyspan .`

FROM python:3.12.12-slim-trixie AS build
WORKDIR /src
RUN python -m venv /opt/everyspan
ENV PATH=/opt/everyspan/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY pyproject.toml README.md LICENSE ./
COPY ingest ingest
COPY clickhouse clickhouse
COPY classify classify
COPY alerting alerting
COPY cli cli
COPY demo demo
RUN pip install . && python -m compileall -q /opt/everyspan/lib

FROM python:3.12.12-slim-trixie
LABEL org.opencontainers.image.title="everyspan" \
      org.opencontainers.image.description="LLM monitoring that judges every span" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin everyspan
COPY --from=build /opt/everyspan /opt/everyspan
ENV PATH=/opt/everyspan/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    EVERYSPAN_HOST=0.0.0.0 \
    EVERYSPAN_DATA=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 4317 4318 8085 8086
ENTRYPOINT ["everyspan"]
CMD ["--help"]
