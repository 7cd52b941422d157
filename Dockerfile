# The image holds the program, the C library that it was linked with, and the certificate authorities. There is no shell.
#   docker build -t remora .
FROM rust:1.95-bookworm AS build

# For librdkafka and OpenSSL, which are compiled from source and linked statically.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends cmake make perl ca-certificates \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /build
# Without rust-toolchain.toml: the base image is that version, and needs no formatter.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY src src
# The caches keep what is compiled between two builds on one machine; the program leaves them with the copy.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/build/target \
    cargo build --locked --release --bin remora && cp target/release/remora /remora

# Puts what the image needs under /image.
COPY docker/collect /collect
RUN /collect /remora /image

FROM scratch
COPY --from=build /image /
# The folder of the position, where a store of type `file` is used, belongs to the account that the program runs under.
COPY --from=build --chown=65532:65532 /image/var/lib/remora /var/lib/remora
USER 65532:65532
WORKDIR /var/lib/remora
VOLUME /var/lib/remora
# /metrics, /health and /ready, where daemon.toml says `listen = "0.0.0.0:9187"`.
EXPOSE 9187
# Liveness and readiness are HTTP: whoever runs the container asks there.
HEALTHCHECK NONE
STOPSIGNAL SIGTERM
ENTRYPOINT ["/remora"]
CMD ["run", "--config", "/etc/remora"]
