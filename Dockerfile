# syntax=docker/dockerfile:1

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=0.1.0-dev
ARG COMMIT=unknown
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/go/cache \
    GOCACHE=/go/cache CGO_ENABLED=0 go build -trimpath \
    -ldflags "-s -w -X main.version=${VERSION} -X main.commit=${COMMIT}" \
    -o /out/tidemark ./cmd/tidemark
# The volume begins with this folder, so that the user below owns it.
RUN install -d -m 0750 /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/tidemark /usr/bin/tidemark
COPY --from=build --chown=65532:65532 /out/data /var/lib/tidemark
COPY LICENSE NOTICE /usr/share/doc/tidemark/

# The compiled default listens on the loopback interface, which in a container
# nobody else could reach.
ENV QDRANT__SERVICE__HOST=0.0.0.0 \
    QDRANT__STORAGE__STORAGE_PATH=/var/lib/tidemark/storage \
    QDRANT__STORAGE__SNAPSHOTS_PATH=/var/lib/tidemark/snapshots \
    RUN_MODE=production

USER 65532:65532
WORKDIR /var/lib/tidemark
VOLUME /var/lib/tidemark
EXPOSE 6333
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=5m --start-interval=1s --retries=3 \
    CMD ["/usr/bin/tidemark", "health"]
ENTRYPOINT ["/usr/bin/tidemark"]
