# Two images from one file: `web` (the server, no torch) and `sandbox` (the supervisor and the worker, no server code).
# Both run as uid 10001 and need nothing writable but /tmp and the folder of the socket. See docs/deployment.md.
FROM docker.io/library/python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PATH=/opt/venv/bin:$PATH
WORKDIR /srv

FROM base AS packages
RUN python -m venv /opt/venv
COPY pyproject.toml /srv/
COPY scripts/install.py /srv/scripts/

FROM packages AS web-packages
RUN python scripts/install.py web

# --- the server ---
FROM base AS web
RUN mkdir -p /run/autograd-explorer && chown 10001:10001 /run/autograd-explorer
COPY --from=web-packages /opt/venv /opt/venv
COPY templates /srv/templates
COPY static /srv/static
COPY examples /srv/examples
COPY app /srv/app
RUN rm -rf app/worker && python -m compileall -q app
USER 10001:10001
ENV AUTOGRAD_EXPLORER_SANDBOX_SOCKET=/run/autograd-explorer/sandbox.sock
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["python", "-m", "app", "serve", "--host", "0.0.0.0", "--port", "8000"]

# --- the sandbox: started without a network, talks through one unix socket ---
# torch first and in a layer of its own: a change of the app, or of another package, does not move its 700 MB
FROM packages AS sandbox
RUN python scripts/install.py torch
RUN python scripts/install.py sandbox
RUN mkdir -p /run/autograd-explorer && chown 10001:10001 /run/autograd-explorer
COPY app/__init__.py app/run.py app/protocol.py app/errors.py app/settings.py /srv/app/
COPY app/sandbox /srv/app/sandbox
COPY app/worker /srv/app/worker
RUN python -m compileall -q app
USER 10001:10001
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import socket; socket.socket(socket.AF_UNIX).connect('/run/autograd-explorer/sandbox.sock')"]
CMD ["python", "-m", "app.sandbox.supervisor", "--socket", "/run/autograd-explorer/sandbox.sock"]
