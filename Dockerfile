# The pool's own image: no app in it. A user's app is three lines FROM it; see README.md, Kubernetes.
# Pin the base by its digest: --build-arg PYTHON=python:3.11-slim@sha256:...
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS build
WORKDIR /src
# Without pip of its own: the base's pip fills it from outside, and stays behind.
RUN python -m venv --without-pip /opt/pool
COPY requirements.lock ./
RUN pip --python /opt/pool/bin/python install --no-cache-dir --only-binary=:all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY workers workers
COPY supervisor supervisor
RUN pip --python /opt/pool/bin/python install --no-cache-dir --no-deps . \
 && install -d -o 10001 -g 10001 /var/lib/pool /var/lib/pool/metrics /var/lib/pool/state

FROM ${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="partition-pool" \
      org.opencontainers.image.description="A supervised pool of worker processes for Kafka: one process per partition" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/pool /opt/pool
COPY --from=build /var/lib/pool /var/lib/pool
# PIP_PYTHON: what a derived image installs goes where the pool finds it.
ENV PATH=/opt/pool/bin:$PATH \
    PIP_PYTHON=/opt/pool/bin/python \
    PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001
# What is served at 9404 once `http` says so; by default only this container's own loopback hears it.
EXPOSE 9404
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "supervisor"]
