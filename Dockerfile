# One image for service, collector and exporter: docker build -t bcs-metric .   See docs/docker.md.
# BASE has the runtime, and for the stage `deno` that is Deno: --target deno --build-arg BASE=denoland/deno:2.9.6
ARG PACKAGER=node:24.21.0-bookworm-slim
ARG BASE=node:24.21.0-bookworm-slim

# The packages that run, without the runtimes that package.json offers to machines that have none.
FROM ${PACKAGER} AS packages
WORKDIR /opt/bcs-metric
COPY package.json package-lock.json ./
RUN npm pkg delete optionalDependencies && npm install --no-save --omit=dev --no-audit --no-fund --loglevel=error
RUN mkdir /data

# No step of these runs a program: BASE needs no shell.
FROM ${BASE} AS program
WORKDIR /opt/bcs-metric
ENV NODE_ENV=production
# Less memory: see docs/performance.md.
ENV NODE_OPTIONS="--max-semi-space-size=2 --v8-pool-size=1" MALLOC_ARENA_MAX=2
# The only folder that is written to; the root file system may be read-only.
COPY --from=packages --chown=65532:65532 /data /data
COPY --from=packages /opt/bcs-metric/node_modules node_modules
COPY package.json deno.json ./
COPY core core
COPY collector collector
COPY exporter exporter
COPY service service
COPY cli cli
USER 65532:65532

FROM program AS deno
# Below /tmp since Deno keeps what it compiled: with a read-only root that is a tmpfs.
ENV DENO_DIR=/tmp/deno DENO_NO_UPDATE_CHECK=1
ENTRYPOINT ["deno", "run", "-A", "/opt/bcs-metric/cli/main.ts"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["deno", "run", "-A", "/opt/bcs-metric/cli/main.ts", "health"]

FROM program AS node
ENTRYPOINT ["node", "/opt/bcs-metric/cli/main.ts"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["node", "/opt/bcs-metric/cli/main.ts", "health"]
