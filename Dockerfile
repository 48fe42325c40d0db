# syntax-free on purpose: plain BuildKit, one base image, nothing downloaded but Debian packages, the
# pinned FHIR packages and (for the development broker) Kafka's pinned jars.
#
#   docker build --target ingest -t fhirbus/ingest .        also: validator, persister, lake-submitter,
#                                                           tools (topics, migrations, replay)
#   dev-kafka, dev-postgres, dev-lake, dev-certificates     what docker-compose.yml runs beside them
ARG BASE=debian:bookworm-slim

# --- build -------------------------------------------------------------------------------------
FROM ${BASE} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV DEBIAN_FRONTEND=noninteractive
WORKDIR /src
COPY tools/setup tools/setup
RUN apt-get update -q \
 && sed '/^# --- stack/Q;s/[ #].*//;/^$/d' tools/setup/debian-packages | sed 's#/.*##' \
  | xargs apt-get install -y -q --no-install-recommends \
 && rm -rf /var/lib/apt/lists/*
# Before the sources, so that a change of code does not fetch them again.
RUN tools/setup/install fhir
COPY Makefile ./
COPY proto proto
COPY common common
COPY services services
COPY tools tools
COPY tests/support tests/support
COPY tests/programs tests/programs
RUN make -s -j"$(nproc)" programs && strip build/release/bin/*

# --- definitions: every package of packages/ and the R4 core, compiled into images --------------------
FROM build AS definitions
COPY docker/README.md packages* packages/
RUN python3 tools/stack/images.py --packages packages --out /images

# --- what runs in production ------------------------------------------------------------------------
FROM ${BASE} AS runtime
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends ca-certificates libmicrohttpd12 librdkafka1 libjansson4 libpq5 \
      libcurl3-gnutls libprotobuf-c1 libgnutls30 libargon2-1 libarchive13 libpcre2-8-0 libzstd1 zlib1g libxxhash0 libxml2 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin fhirbus
LABEL org.opencontainers.image.licenses=Apache-2.0
USER 10001:10001
EXPOSE 9100
ENV OPS_BIND=0.0.0.0 OPS_PORT=9100

FROM runtime AS ingest
COPY --from=build /src/build/release/bin/fhirbus-ingest /usr/bin/
EXPOSE 8443
ENTRYPOINT ["fhirbus-ingest"]

FROM runtime AS validator
COPY --from=build /src/build/release/bin/fhirbus-validator /src/build/release/bin/fhir-validate /usr/bin/
COPY --from=definitions /images /images
ENTRYPOINT ["fhirbus-validator"]

FROM runtime AS persister
COPY --from=build /src/build/release/bin/fhirbus-persister /usr/bin/
ENTRYPOINT ["fhirbus-persister"]

FROM runtime AS lake-submitter
COPY --from=build /src/build/release/bin/fhirbus-lake-submitter /usr/bin/
ENTRYPOINT ["fhirbus-lake-submitter"]

FROM runtime AS tools
COPY --from=build /src/build/release/bin/fhirbus-topics /src/build/release/bin/fhirbus-destinations /src/build/release/bin/fhirbus-rules /src/build/release/bin/fhirbus-keys /src/build/release/bin/fhirbus-migrate /src/build/release/bin/fhirbus-replay /src/build/release/bin/fhirbus-reconcile /src/build/release/bin/fhirbus-dlq /src/build/release/bin/fhirbus-audit /src/build/release/bin/fhirbus-payload-keys /usr/bin/

# --- development only: from Debian alone, so that no other registry image is needed -----------------
FROM ${BASE} AS dev-base
ENV DEBIAN_FRONTEND=noninteractive

FROM dev-base AS dev-kafka
RUN mkdir -p /usr/share/man/man1 && apt-get update -q \
 && apt-get install -y -q --no-install-recommends openjdk-17-jre-headless maven ca-certificates \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/fhirbus
COPY tools/setup tools/setup
RUN FHIRBUS_CACHE=/opt/cache tools/setup/install kafka && useradd --system --uid 10001 --user-group kafka \
 && mkdir /data && chown 10001:10001 /data
COPY docker/kafka-run /usr/bin/
USER 10001:10001
VOLUME /data
ENTRYPOINT ["kafka-run"]

FROM dev-base AS dev-postgres
RUN apt-get update -q && apt-get install -y -q --no-install-recommends postgresql && rm -rf /var/lib/apt/lists/* \
 && mkdir /data && chown postgres:postgres /data
COPY docker/postgres-run /usr/bin/
USER postgres
VOLUME /data
ENTRYPOINT ["postgres-run"]

FROM dev-base AS dev-certificates
RUN apt-get update -q && apt-get install -y -q --no-install-recommends openssl python3-minimal libpython3-stdlib \
 && rm -rf /var/lib/apt/lists/*
COPY tools/stack/certificates.py docker/secrets-run /usr/bin/
ENTRYPOINT ["secrets-run"]

FROM runtime AS dev-lake
COPY --from=build /src/build/release/bin/lake_standin /usr/bin/
ENTRYPOINT ["lake_standin"]
