FROM rust:1-bookworm AS build
WORKDIR /src
COPY . .
# The caches of the builder stay outside of the image: a change of the sources does not compile every dependency again.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --bin parlor --profile dist --locked && cp target/dist/parlor /parlor

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --home-dir /data parlor \
    && install --directory --owner=parlor --group=parlor --mode=0700 /data
COPY --from=build /parlor /usr/local/bin/parlor
USER parlor
WORKDIR /data
ENV PARLOR_LISTEN=0.0.0.0:8080 \
    PARLOR_DATA_DIR=/data \
    PARLOR_LOG_FORMAT=json
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["parlor", "healthcheck"]
ENTRYPOINT ["parlor"]
CMD ["serve"]
